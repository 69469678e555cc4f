"""Attention entropy against the length of the row, with the bound of uniform attention.

    H = -sum_j p_j log p_j <= log L

L keys that the query may see (the row length), p the row of one head; a line is the mean over the
heads of one layer. Source: kexue.fm post 8823 (entropy invariance and the log n scale).
"""

from math import log
from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme


def data(
    tables: dict[str, pl.DataFrame], *, metric: str, extensions: list[str], keep: int
) -> pl.DataFrame:
    """Give mean and interval over seeds of the mean over heads, for each layer and row length."""
    means = statistics.head_means(tables, [metric], extensions)
    by = ["task", "layer", "variant", *statistics.IDENTITY[1:], "extension", "row_length", "unit"]
    heads = means.group_by(*by, "seed", maintain_order=True).agg(pl.col("value").mean())
    frame = statistics.over_seeds(heads, by).with_columns(gain=-pl.col("mean"))
    frame = drawing.emphasise(frame, ["task", "layer"], "row_length", keep)
    return frame.drop("variant", "gain").with_columns(bound=pl.col("row_length").log())


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer; dashed: log L, the entropy of uniform attention."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    x = drawing.log_axis("row_length", frame, "row length L (visible keys)")
    ends = theme.extent(frame, "row_length")
    bound = pl.DataFrame({"row_length": ends, "mean": [log(end) for end in ends]})

    def panel(part: pl.DataFrame) -> drawing.Panel:
        title = f"entropy ({part['unit'][0]})"
        base = alt.Chart(bound).encode(x=x, y=alt.Y("mean:Q", title=title))
        line = base.mark_line(strokeDash=[6, 3], color="gray")
        text = alt.Chart(bound.tail(1)).encode(x=x, y=alt.Y("mean:Q", title=title))
        text = text.mark_text(align="right", dx=-6, dy=-4, text="uniform: log L")
        extra = [line, text, *drawing.train_rule(part, x)]
        return drawing.layers(
            part, x, title, title=f"{part['task'][0]}, layer {part['layer'][0]}", pick=pick,
            encodings=encodings, extra=extra, floor=0.0, ceiling=theme.extent(bound, "mean")[1],
        )  # fmt: skip

    return drawing.panels(frame, ["task", "layer"], panel, pick)
