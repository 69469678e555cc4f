"""Measures of concentration that may be compared across row lengths, against the row length.

    conc = log L - H,   S* = l1 / (sqrt(L) l2),   ...

L keys that the query may see; a line is the mean over all heads. Its yaml admits only measures that
say why rows of different length compare: one that changes when every key is duplicated moves with
L by itself (Hurley and Rickard, arXiv 0811.4706; kexue.fm post 9595).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics


def data(
    tables: dict[str, pl.DataFrame], *, metrics: list[str], extensions: list[str], keep: int
) -> pl.DataFrame:
    """Give mean and interval over seeds of the mean over layers and heads."""
    means = statistics.head_means(tables, metrics, extensions)
    by = ["metric", "task", "variant", *statistics.IDENTITY[1:], "extension", "row_length"]
    by += ["unit", "sparser"]
    heads = means.group_by(*by, "seed", "layer", maintain_order=True).agg(pl.col("value").mean())
    layers = heads.group_by(*by, "seed", maintain_order=True).agg(pl.col("value").mean())
    frame = statistics.over_seeds(layers, by).with_columns(gain=pl.col("mean"))
    rank = pl.col("metric").replace_strict(metrics, list(range(len(metrics))))
    frame = drawing.emphasise(frame, ["metric", "task"], "row_length", keep)
    return frame.sort(rank, "task", maintain_order=True).drop("variant", "gain")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw a row of panels for each metric, one for each task; they share the scale."""
    columns = min(3, frame["task"].n_unique())
    size = (drawing.WIDTH if columns < 3 else 190, 180)
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    x = drawing.log_axis("row_length", frame, "row length L (visible keys)")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        metric, task, unit, sparser = part.select("metric", "task", "unit", "sparser").row(0)
        title = metric if unit == "1" else f"{metric} ({unit})"
        note = f"sparser is {sparser}" if sparser else ""
        return drawing.layers(
            part, x, title, title=alt.Title(f"{metric}, {task}", subtitle=note), pick=pick,
            encodings=encodings, extra=drawing.train_rule(part, x), small=True, size=size,
            scale=drawing.value_scale(frame.filter(pl.col("metric") == metric)),
        )  # fmt: skip

    return drawing.panels(frame, ["metric", "task"], panel, pick, columns)
