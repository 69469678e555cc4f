"""How fast attention entropy grows with the row length, one slope for each variant.

    H(L) = a + b log L,    b fitted over octaves of L in each seed,    log L = H + (log L - H)

L visible keys of a row, H its entropy in nats. Attention of a fixed concentration has b = 1, as
uniform attention does; entropy-invariant attention has b = 0. An octave takes part with the mean of
log L of its own rows, which its two metrics add up to. Source: 从熵不变性看Attention的Scale操作
(post 8823, 2021-12-21).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import dots, statistics

SPANS = ("up to N", "beyond N")
MIN_OCTAVES = 3  # no slope below


def data(
    tables: dict[str, pl.DataFrame], *, metric: str, gap: str, extensions: list[str], shortest: int
) -> pl.DataFrame:
    """Give mean and interval over seeds of the slope of each layer, within N and beyond it."""
    means = statistics.head_means(tables, [metric, gap], extensions)
    inside = (pl.col("bin_lo") >= shortest) & (pl.col("bin_hi") <= pl.col("train_length"))
    beyond = pl.col("bin_lo") >= pl.col("train_length")
    span = pl.when(inside).then(pl.lit(SPANS[0])).when(beyond).then(pl.lit(SPANS[1]))
    by = [*statistics.IDENTITY, "layer", "variant", "extension", "span"]
    value = pl.col("value").filter
    slopes = (
        means.with_columns(span=span)
        .drop_nulls("span")
        .group_by(*by, "seed", "bin_lo", maintain_order=True)
        .agg(h=value(pl.col("metric") == metric).mean(), g=value(pl.col("metric") == gap).mean())
        .with_columns(length=pl.col("h") + pl.col("g"))
        .drop_nulls("length")
        .group_by(*by, "seed", maintain_order=True)
        .agg(value=pl.cov("length", "h") / pl.col("length").var(), octaves=pl.len())
        .filter(pl.col("octaves") >= MIN_OCTAVES)
    )
    frame = statistics.over_seeds(slopes, by)
    return dots.ordered(frame, ["span"], SPANS[1])


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer, the slowest growth beyond N on top."""
    marks = {"invariant": 0.0, "uniform": 1.0}
    return dots.draw(frame, "slope of entropy in log L", SPANS, marks)
