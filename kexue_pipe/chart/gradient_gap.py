"""How wrong the gradient behind a quantizer is, against how much it rounds.

    relative error = sum |z - q|^2 / sum |z - mean z|^2
    relative gap = |g - g_0| / |g_0|,   cosine = mean_n g_n . g_0n / (|g_n| |g_0n|)

z (N, D) latents, q (N, D) their codes; g (N, D) is the gradient that the estimator of the quantizer
gives them, g_0 that of the same decoder without rounding. What rounds nothing has no error: without
a quantizer g = g_0, and a Gaussian bottleneck differs from g_0 by the noise of one sample. Source:
Huh et al., "Straightening Out the Straight-Through Estimator" (arXiv 2305.08842), by whom the gap
is bounded by the error.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "measure"]
MEASURES = ("relative gap", "cosine")


def data(tables: dict[str, pl.DataFrame], **_: Any) -> pl.DataFrame:
    """Give gap and cosine with their intervals, and the mean error, of each variant that rounds."""
    rounds = (pl.col("error") != 0).any().over("variant")
    runs = tables["latents"].filter(rounds).select(
        "variant", "seed",
        (pl.col("gradient_gap") / pl.col("gradient")).sqrt().alias(MEASURES[0]),
        (pl.col("gradient_cosine") / pl.col("n_tokens")).alias(MEASURES[1]),
        error=pl.col("error") / pl.col("spread"),
    )  # fmt: skip
    errors = runs.group_by("variant").agg(pl.col("error").mean())
    long = runs.unpivot(list(MEASURES), index=["variant", "seed"], variable_name="measure")
    long = long.join(tables["variants"].select("variant", *statistics.IDENTITY), on="variant")
    by = ["measure", "variant", *statistics.IDENTITY]
    frame = statistics.over_seeds(long, by).join(errors, on="variant", maintain_order="left")
    later = pl.col("measure") != MEASURES[0]
    return frame.sort("task", later, "order", "variant", "seed").drop("variant")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and measure, a point for each variant."""
    frame = frame.with_columns(emphasis=pl.lit(True))
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    low, high = theme.extent(frame, "error")
    errors = alt.Scale(type="log", domain=(low / 1.3, high * 1.3), nice=False)
    x = alt.X("error:Q", title="relative quantisation error", scale=errors)
    x = x.axis(format="~g", tickCount=4, labelOverlap=True)
    opacity = drawing.choose(alt.OpacityValue, pick, 1.0, 0.1)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, measure = part.select(PANEL).row(0)
        means = part.filter(pl.col("seed").is_null())
        floor = min(0.0, theme.extent(part, "mean")[0] - 0.05)
        scale = drawing.value_scale(part, floor=floor, ceiling=1.0)
        title = f"{measure} of the gradients"
        y = alt.Y("mean:Q", title=title, scale=scale)
        base = alt.Chart(part).encode(x=x, color=encodings["color"], opacity=opacity)
        whole = base.transform_filter("datum.seed === null")
        span = whole.transform_filter("datum.low !== null").mark_rule(strokeWidth=2, clip=True)
        span = span.encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high"))
        told = theme.tooltip(means, "label", "mean", "low", "high", "error", "k")
        point = whole.mark_point(filled=True, size=70)
        point = point.encode(y=y, shape=encodings["shape"], tooltip=told)
        single = base.transform_filter("datum.seed !== null").mark_point(size=14).encode(y=y)
        return alt.layer(
            span, single, point,
            width=drawing.WIDTH, height=drawing.HEIGHT, title=f"{task}: {measure}",
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
