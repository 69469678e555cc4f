"""Reconstruction quality against rate: PSNR against bits per pixel, nominal and by entropy.

    PSNR = 10 log10(4 / mse),   nominal rate = tokens log2 |C| / pixels,
    entropy rate = tokens H(code) / pixels <= nominal rate

|C| joint code book, H its entropy in bits (Miller-Madow), pixels in [-1, 1]. Source: comparison at
equal rate as in FSQ, arXiv 2309.15505; rate by entropy as in Balle et al., arXiv 1611.01704.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme


def data(tables: dict[str, pl.DataFrame], **_: Any) -> pl.DataFrame:
    """Give mean PSNR with its interval, and both rates, for each variant and split."""
    runs = statistics.psnr(tables)
    by = ["split", "variant", *statistics.IDENTITY]
    rates = runs.group_by("split", "variant").agg(pl.col("nominal", "entropy").mean())
    frame = statistics.over_seeds(runs, by).join(
        rates, on=["split", "variant"], maintain_order="left"
    )
    return frame.with_columns(continuous=~pl.col("nominal").is_finite()).drop("variant")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each split; hollow: entropy rate, filled: nominal rate of the same run."""
    frame = frame.with_columns(emphasis=pl.lit(True), extension=pl.lit("none"))
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    x, y = "bits per pixel", "PSNR (dB)"
    opacity = drawing.choose(alt.OpacityValue, pick, 1.0, 0.1)
    told = ("label", "mean", "low", "high", "nominal", "entropy", "k")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        scale = alt.Scale(zero=False, padding=8)
        top = part.select(pl.max_horizontal("nominal", "entropy").max()).item() or 1.0
        rates = alt.Scale(domain=(0.0, 1.08 * top), nice=True)
        means = part.filter(pl.col("seed").is_null())
        tooltip = theme.tooltip(means.filter(~pl.col("continuous")), *told)
        base = alt.Chart(part).encode(
            y=alt.Y("mean:Q", title=y, scale=scale), color=encodings["color"], opacity=opacity
        )
        every = base.transform_filter("!datum.continuous")
        coded = every.transform_filter("datum.seed === null")
        nominal = alt.X("nominal:Q", title=x, scale=rates)
        link = coded.mark_rule(strokeWidth=1).encode(x=nominal, x2=alt.X2("entropy"))
        error = coded.transform_filter("datum.low !== null").mark_rule(strokeWidth=2)
        error = error.encode(x=nominal, y=alt.Y("low:Q", title=y), y2=alt.Y2("high"))
        full = coded.mark_point(filled=True, size=70)
        full = full.encode(x=nominal, shape=encodings["shape"], tooltip=tooltip)
        hollow = coded.mark_point(filled=False, size=50)
        hollow = hollow.encode(
            x=alt.X("entropy:Q", title=x), shape=encodings["shape"], tooltip=tooltip
        )
        single = every.transform_filter("datum.seed !== null").mark_point(size=14)
        single = single.encode(x=nominal)
        bound = base.transform_filter("datum.continuous && datum.seed === null")
        line = bound.mark_rule(strokeDash=[6, 3], strokeWidth=1.5)
        line = line.encode(tooltip=theme.tooltip(means, *told[:4], "k"))
        layers = (line, link, error, single, hollow, full)
        title = f"images: {part['split'][0]}"
        return alt.layer(*layers, width=drawing.WIDTH, height=drawing.HEIGHT, title=title)

    return drawing.panels(frame, ["split"], panel, pick)
