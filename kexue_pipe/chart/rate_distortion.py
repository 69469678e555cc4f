"""Reconstruction quality against rate, beside coders that lose nothing or beside the best error.

    PSNR = 10 log10(4 / mse),   nominal rate = tokens log2 |C| / pixels,
    entropy rate = tokens H(code) / pixels <= nominal rate
    SNR = 10 log10(sigma^2 / mse) <= 20 log10(2) R,   from D(R) = sigma^2 2^(-2 R)

|C| joint code book, H its entropy in bits (Miller-Madow), pixels in [-1, 1]. R bits per number is
the rate of independent Gaussian numbers of variance sigma^2, the only task whose best error is
known. Source: comparison at equal rate as in FSQ, arXiv 2309.15505; rate by entropy as in Balle et
al., arXiv 1611.01704; the bound of Shannon, "Coding Theorems for a Discrete Source with a Fidelity
Criterion" (1959).
"""

from math import log10
from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "split"]
SWEPT = (700, 400)  # of a panel with many curves
SLOPE = 20 * log10(2)  # dB that a bit is worth


def data(
    tables: dict[str, pl.DataFrame], *, bounded: str, sigma: float, budgets: list[str]
) -> pl.DataFrame:
    """Give mean quality with its interval and both rates, then what to compare with as `level`.

    The quality of the task `bounded` is its SNR, with the sigma of the variant's name, if any.
    Variants of one `family` differ in the knobs of `budgets` only, which buy quality for rate.
    """
    own = pl.col("variant").str.extract(r"task\.sigma=([^,]+)").cast(pl.Float64).fill_null(sigma)
    known, power = pl.col("task") == bounded, 10 * (4 / own**2).log10()
    runs = statistics.psnr(tables).with_columns(
        value=pl.when(known).then(pl.col("value") - power).otherwise("value"), known=known
    )
    by = [*PANEL, "variant", *(n for n in statistics.IDENTITY if n not in PANEL), "known"]
    rates = runs.group_by("split", "variant").agg(pl.col("nominal", "entropy").mean())
    frame = statistics.over_seeds(runs, by).join(
        rates, on=["split", "variant"], maintain_order="left"
    )
    family = statistics.families(tables["variants"], budgets).select("variant", "family")
    frame = frame.join(family, on="variant", maintain_order="left")
    coded = pl.col("nominal").is_finite()
    frame = frame.with_columns(
        continuous=~coded,
        short=pl.when("known", coded).then(SLOPE * pl.col("nominal") - pl.col("mean")),
    )
    coders = statistics.levels(tables).select("task", "level", split="stream", nominal="mean")
    coders = coders.join(frame, on=PANEL, how="semi", maintain_order="left")
    top = frame.filter("known", coded).group_by(PANEL).agg(pl.col("nominal").max())
    bound = pl.concat([top.with_columns(nominal=0.0), top])
    bound = bound.with_columns(level=pl.lit("D(R)"), mean=SLOPE * pl.col("nominal"))
    frame = pl.concat([frame, coders, bound], how="diagonal")
    first, unseen = pl.col("order").min().over("task"), pl.col("split") != "test"
    keys = (first, "task", unseen, "split", "level", "nominal", "order", "variant", "seed")
    return frame.sort(*keys).drop("variant")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each split; hollow: entropy rate, filled: nominal rate of the same run.

    Where budgets are swept, a family is one series, and a line joins its nominal rates.
    """
    frame = frame.with_columns(emphasis=pl.lit(True), extension=pl.lit("none"))
    quantizers = drawing.lines(frame)
    swept = quantizers["family"].n_unique() < quantizers["label"].n_unique()
    names = ("family", "quantizer") if swept else ("label", "variant")
    rank = pl.col("order").min().over(names[0]).rank("dense").cast(pl.Int64) - 1
    quantizers = quantizers.with_columns(order=rank)
    encodings, pick = drawing.series(quantizers, *names), drawing.picker(quantizers, names[0])
    opacity = drawing.choose(alt.OpacityValue, pick, 1.0, 0.1)
    told = ("label", "mean", "low", "high", "nominal", "entropy", "short", "k")

    def panel(whole: pl.DataFrame) -> drawing.Panel:
        part, levels = drawing.lines(whole), whole.filter(pl.col("level").is_not_null())
        many = part["family"].n_unique() < part["label"].n_unique()
        width, height = SWEPT if many else (drawing.WIDTH, drawing.HEIGHT)
        coders, bound = levels.filter(pl.col("mean").is_null()), levels.drop_nulls("mean")
        known = part["known"].any()
        y, rate = ("SNR (dB)", "bits per number") if known else ("PSNR (dB)", "bits per pixel")
        ceiling = theme.extent(bound, "mean")[1] if bound.height else None
        scale = drawing.value_scale(part, ceiling=ceiling)
        x, entropy = (_rate(name, rate, part, coders) for name in ("nominal", "entropy"))
        means = part.filter(pl.col("seed").is_null())
        tooltip = theme.tooltip(means.filter(~pl.col("continuous")), *told)
        base = alt.Chart(part).encode(
            y=alt.Y("mean:Q", title=y, scale=scale), color=encodings["color"], opacity=opacity
        )
        every = base.transform_filter("!datum.continuous")
        coded = every.transform_filter("datum.seed === null")
        both = coded.transform_filter("datum.entropy !== null")
        curve = coded.mark_line(strokeWidth=1.6, clip=True).encode(x=x)
        link = both.mark_rule(strokeWidth=1).encode(x=x, x2=alt.X2("entropy"))
        error = coded.transform_filter("datum.low !== null").mark_rule(strokeWidth=2, clip=True)
        error = error.encode(x=x, y=alt.Y("low:Q", title=y), y2=alt.Y2("high"))
        full = coded.mark_point(filled=True, size=70)
        full = full.encode(x=x, shape=encodings["shape"], tooltip=tooltip)
        hollow = both.mark_point(filled=False, size=50)
        hollow = hollow.encode(x=entropy, shape=encodings["shape"], tooltip=tooltip)
        single = every.transform_filter("datum.seed !== null").mark_point(size=14)
        single = single.encode(x=x)
        free = base.transform_filter("datum.continuous && datum.seed === null")
        line = free.mark_rule(strokeDash=[6, 3], strokeWidth=1.5)
        line = line.encode(tooltip=theme.tooltip(means, *told[:4], "k"))
        beside = [*_rules(coders, x, y, scale, height), *_bound(bound, x, y, scale)]
        layers = (*beside, line, *([curve] if many else []), link, error, single, hollow, full)
        title = f"{part['task'][0]}: {part['split'][0]}"
        return alt.layer(*layers, width=width, height=height, title=title)

    return drawing.panels(frame, PANEL, panel, pick, columns=1 if swept else 2)


def _rate(name: str, title: str, part: pl.DataFrame, coders: pl.DataFrame) -> alt.X:
    """Give an axis of rates, logarithmic where coders that need many more bits stand beside."""
    rates = pl.concat([part["nominal"], part["entropy"], coders["nominal"]]).to_frame("rate")
    rates = rates.filter(pl.col("rate").is_finite(), pl.col("rate") > 0)
    low, high = theme.extent(rates, "rate")
    if not coders.height:
        return alt.X(f"{name}:Q", title=title, scale=alt.Scale(domain=(0.0, 1.08 * high)))
    low = max(low, high / 1024)
    ticks = tuple(2.0**i for i in range(-10, 6) if low / 1.2 <= 2.0**i <= high * 1.2)
    domain = (low / 1.2, high * 1.2)
    scale = alt.Scale(type="log", base=2, domain=domain, nice=False, clamp=True)
    return alt.X(f"{name}:Q", title=title, scale=scale).axis(values=ticks, format=".3~g")


def _rules(
    coders: pl.DataFrame, x: alt.X, y: str, scale: alt.Scale, height: int
) -> list[alt.Chart]:
    """Draw a named vertical rule for each coder; the cheaper one ends above the dearer's name."""
    low, high = scale.domain
    step = 13 * (high - low) / height
    rows = coders.sort("nominal", descending=True).select("level", "nominal")
    rows = rows.with_columns(place=low + step * (0.5 + pl.int_range(pl.len())))
    base = alt.Chart(rows).encode(x=x)
    place = alt.Y("place:Q", title=y, scale=scale)
    rule = base.mark_rule(strokeDash=[1, 2], strokeWidth=1.2, color=theme.PALETTE[6])
    rule = rule.encode(y=place, y2=alt.Y2Value(0), tooltip=theme.tooltip(rows, "level", "nominal"))
    text = base.mark_text(align="right", dx=-4).encode(y=place, text=alt.Text("level:N"))
    return [rule, text] if rows.height else []


def _bound(rows: pl.DataFrame, x: alt.X, y: str, scale: alt.Scale) -> list[alt.Chart]:
    """Draw the best quality at every rate as a dashed line with its name where it ends."""
    base = alt.Chart(rows).encode(x=x, y=alt.Y("mean:Q", title=y, scale=scale))
    line = base.mark_line(strokeDash=[6, 3], color=theme.PALETTE[6], clip=True)
    text = alt.Chart(rows.tail(1)).mark_text(align="right", dx=-14, dy=6)
    text = text.encode(x=x, y=alt.Y("mean:Q", title=y, scale=scale), text=alt.Text("level:N"))
    return [line, text] if rows.height else []
