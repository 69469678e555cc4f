"""Ranks of attention matrices at the training length over those of uniform causal averaging.

    mean over heads and documents of erank(A) and srank(A), each over that of averaging

A (N, N) coefficients of a head; ranks as in `core/matrix_rank`. All matrices have the size of the
training length, since ranks grow with it; 1 is the rank that averaging has without looking at any
key. Source: 注意力机制真的可以“集中注意力”吗? (post 9889, 2023-12-12).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import dots, statistics

RANKS = {"effective rank": "erank", "stable rank": "srank"}


def data(tables: dict[str, pl.DataFrame], *, extensions: list[str]) -> pl.DataFrame:
    """Give mean and interval over seeds of both ranks of each layer, over those of averaging."""
    metrics = [name + end for name in RANKS.values() for end in ("", "_uniform")]
    means = statistics.head_means(tables, metrics, extensions)
    by = [*statistics.IDENTITY, "layer", "variant", "extension"]
    value = {name: pl.col("value").filter(pl.col("metric") == name).mean() for name in metrics}
    ranks = (
        means.group_by(*by, "seed", maintain_order=True)
        .agg((value[name] / value[f"{name}_uniform"]).alias(span) for span, name in RANKS.items())
        .unpivot(index=[*by, "seed"], variable_name="span", value_name="value")
        .drop_nulls("value")
    )
    frame = statistics.over_seeds(ranks, [*by, "span"])
    return dots.ordered(frame, ["span"], [*RANKS][0])


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer, the smallest effective rank on top."""
    title, spans = "rank over that of uniform averaging", tuple(RANKS)
    return dots.draw(frame, title, spans, {"averaging": 1.0}, "measure of rank")
