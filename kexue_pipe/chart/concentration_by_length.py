"""Measures of concentration that may be compared across row lengths, against the row length.

    conc = log L - H,   S* = l1 / (sqrt(L) l2),   ...

L keys that the query may see; a line is the mean over all heads. Only measures that do not change
when every key is duplicated are drawn: the others move with L by themselves (Hurley and Rickard,
arXiv 0811.4706; kexue.fm post 9595).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import statistics, theme


def data(
    tables: dict[str, pl.DataFrame], *, metrics: list[str], extensions: list[str], keep: int
) -> pl.DataFrame:
    """Give mean and interval over seeds of the mean over layers and heads."""
    means = statistics.head_means(tables).filter(
        "across_lengths", pl.col("metric").is_in(metrics), pl.col("extension").is_in(extensions)
    )
    by = ["metric", "task", "variant", *statistics.IDENTITY[1:], "extension", "row_length"]
    by += ["unit", "sparser"]
    heads = means.group_by(*by, "seed", "layer", maintain_order=True).agg(pl.col("value").mean())
    layers = heads.group_by(*by, "seed", maintain_order=True).agg(pl.col("value").mean())
    frame = statistics.over_seeds(layers, by).with_columns(gain=pl.col("mean"))
    rank = pl.col("metric").replace_strict(metrics, list(range(len(metrics))))
    frame = theme.emphasise(frame, ["metric", "task"], "row_length", keep)
    return frame.sort(rank, "task", maintain_order=True).drop("variant", "gain")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each metric and task."""
    encodings, pick = theme.series(frame), theme.picker(frame)
    x = theme.log_axis("row_length", frame, "row length L (visible keys)")

    def panel(part: pl.DataFrame) -> theme.Panel:
        metric, task, unit, sparser = part.select("metric", "task", "unit", "sparser").row(0)
        title = metric if unit == "1" else f"{metric} ({unit})"
        extra = theme.train_rule(part, x)
        chart = theme.layers(
            part, x, title, pick=pick, encodings=encodings, extra=extra, small=True
        )
        note = f"sparser is {sparser}" if sparser else ""
        return chart.properties(title=alt.Title(f"{metric}, {task}", subtitle=note))

    return theme.panels(frame, ["metric", "task"], panel, pick)
