"""How far each head reads, for rows about as long as in training and for much longer ones.

    d_r = mean over seeds of the r-th smallest of  sum_j p_j (i - j) / mean_j (i - j)

p_j share of key j in the row of query i. Heads are exchangeable across seeds, so that the heads of
a layer are sorted in each seed before seeds are averaged. Source: mean attention distance of heads
in Dosovitskiy et al. (arXiv 2010.11929), here over that of uniform attention.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import dots, statistics


def data(
    tables: dict[str, pl.DataFrame], *, metric: str, factors: list[int], extensions: list[str]
) -> pl.DataFrame:
    """Give mean and interval of each head, nearest first, in the octaves that hold factors of N."""
    means = statistics.head_means(tables, [metric], extensions)
    by = [*statistics.IDENTITY, "layer", "variant", "extension", "span", "head"]
    nearest = pl.col("value").rank("ordinal").over("variant", "seed", "extension", "layer")
    spans = []
    for factor, span in zip(factors, _spans(factors), strict=True):
        length = factor * pl.col("train_length")
        rows = means.filter(pl.col("bin_lo") <= length, length < pl.col("bin_hi"))
        spans.append(rows.with_columns(head=nearest, span=pl.lit(span)))
    frame = statistics.over_seeds(pl.concat(spans), by)
    return dots.ordered(frame, ["span", "head"], _spans(factors)[-1])


def draw(frame: pl.DataFrame, *, factors: list[int], **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer, the nearest readers of the longest rows on top."""
    marks = {"itself": 0.0, "uniform": 1.0}
    return dots.draw(frame, "distance over that of uniform attention", _spans(factors), marks)


def _spans(factors: list[int]) -> tuple[str, ...]:
    return tuple("about N" if factor == 1 else f"about {factor} N" for factor in factors)
