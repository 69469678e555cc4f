"""How much of its code book a quantizer uses.

    used = share of codes with a token,   perplexity / K = exp(H) / K,   H = -sum_k q_k log q_k

K codes, q their frequencies over the n tokens of the split; H with the Miller-Madow correction.
Uniform use of all codes would touch the share 1 - exp(-n / K). Source: "Finite Scalar
Quantization: VQ-VAE Made Simple", arXiv 2309.15505, on collapse of the code book.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

MEASURES = ("used", "perplexity / K")


def data(tables: dict[str, pl.DataFrame], *, min_tokens: float) -> pl.DataFrame:
    """Give both shares of the joint code book with intervals over seeds, and what n allows."""
    codes = tables["codes"].filter(pl.col("level") == "joint", pl.col("num_codes") > 0)
    codes = codes.join(
        tables["variants"].select("variant", *statistics.IDENTITY), on="variant"
    ).with_columns(
        pl.min_horizontal(pl.col("entropy_mm").exp() / pl.col("num_codes"), 1.0).alias(MEASURES[1]),
        (pl.col("used") / pl.col("num_codes")).alias(MEASURES[0]),
        attainable=1 - (-(pl.col("n_tokens") / pl.col("num_codes"))).exp(),
        truncated=pl.col("n_tokens") < min_tokens * pl.col("num_codes"),
    )
    by = ["split", "variant", *statistics.IDENTITY, "num_codes", "attainable", "truncated"]
    long = codes.unpivot(list(MEASURES), index=[*by, "seed"], variable_name="measure")
    frame = statistics.over_seeds(long, [*by, "measure"])
    return frame.sort(
        "split",
        "num_codes",
        "order",
        "measure",
        "seed",
        descending=[False, False, False, True, False],
    ).drop("variant")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each split: a row for each quantizer, a point for each measure."""
    marked = pl.when("truncated").then(pl.col("label") + " *").otherwise("label")
    frame = frame.with_columns(name=marked)
    pick = drawing.picker(frame, legend=False)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        names = part["name"].unique(maintain_order=True).to_list()
        y = alt.Y("name:N", sort=names, title=None)
        base = alt.Chart(part).encode(y=y.axis(grid=True, ticks=False, domain=False))
        share = "share of the code book"
        x = alt.X("mean:Q", title=share, scale=alt.Scale(domain=[0, 1], clamp=True))
        legend = alt.Legend(title="measure", symbolOpacity=1.0)
        colour = alt.Color("measure:N", legend=legend)
        colour = colour.scale(domain=MEASURES, range=theme.PALETTE[:2])
        shape = alt.Shape("measure:N", legend=legend).scale(domain=MEASURES)
        whole = base.transform_filter("datum.seed === null")
        told = ("label", "measure", "mean", "low", "high", "k", "num_codes", "attainable")
        tooltip = theme.tooltip(part.filter(pl.col("seed").is_null()), *told)
        possible = whole.mark_tick(thickness=2, size=12).encode(
            x=alt.X("attainable:Q", title=share)
        )
        span = whole.transform_filter("datum.low !== null").mark_rule(strokeWidth=2)
        span = span.encode(x=alt.X("low:Q", title=share), x2=alt.X2("high"), color=colour)
        point = whole.mark_point(filled=True, size=60)
        faint = drawing.choose(alt.OpacityValue, pick, 1.0, 0.2)
        point = point.encode(x=x, color=colour, shape=shape, opacity=faint, tooltip=tooltip)
        single = base.transform_filter("datum.seed !== null").mark_point(size=14)
        single = single.encode(x=x, color=colour)
        title = f"images: {part['split'][0]}"
        return alt.layer(
            possible, span, single, point.add_params(pick),
            width=drawing.WIDTH, height=alt.Step(18), title=title,
        )  # fmt: skip

    return drawing.panels(frame, ["split"], panel, columns=1)
