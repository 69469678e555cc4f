"""Heat map of one attention metric by layer and head, for rows about as long as in training.

    cell(layer, r) = mean over seeds of the r-th largest head of the layer

Heads are exchangeable across seeds, so head 3 of two seeds is never averaged: the heads of each
layer are sorted in each seed first. Source: none; the map of heads is common practice, the order
of averaging is ours.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import statistics


def data(
    tables: dict[str, pl.DataFrame], *, metrics: list[str], extensions: list[str]
) -> pl.DataFrame:
    """Give each metric by task, variant, layer and rank of the head, at row lengths around N."""
    n = pl.col("train_length")
    means = statistics.head_means(tables, metrics, extensions).filter(
        pl.col("bin_lo") <= n, n < pl.col("bin_hi")
    )
    run = ["metric", "unit", "task", "variant", "label", "order", "layer"]
    rank = pl.col("value").rank("ordinal", descending=True).over(*run, "seed")
    order = pl.col("metric").replace_strict(
        metrics, list(range(len(metrics))), return_dtype=pl.Int64
    )
    return (
        means.with_columns(rank=rank)
        .group_by(*run, "rank")
        .agg(pl.col("value").mean().alias("mean"), pl.len().alias("k"))
        .sort(order, "task", "order", "layer", "rank")
        .drop("variant")
    )


def draw(frame: pl.DataFrame, **_: Any) -> alt.FacetChart:
    """Draw one small map for each task and variant; a menu chooses the metric."""
    names = frame["metric"].unique(maintain_order=True).to_list()
    menu = alt.binding_select(options=names, name="metric ")
    pick = alt.selection_point(name="metric", fields=["metric"], bind=menu, value=names[0])
    frame = frame.with_columns(panel=pl.col("task") + ": " + pl.col("label"))
    panels = frame["panel"].unique(maintain_order=True).to_list()
    cells = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=alt.X("rank:O", title="head, sorted", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("layer:O", title="layer", sort="descending"),
            color=alt.Color("mean:Q", title="value", scale=alt.Scale(scheme="viridis")),
            tooltip=[
                "panel:N",
                "metric:N",
                "layer:O",
                "rank:O",
                alt.Tooltip("mean:Q", format=".4g"),
                "k:Q",
            ],
        )
    )
    cells = cells.transform_filter(pick).properties(width=130, height=alt.Step(20)).add_params(pick)
    return cells.facet(
        alt.Facet("panel:N", title=None, sort=panels, header=alt.Header(labelLimit=150)), columns=6
    )
