"""Loss or accuracy against the position of the token, inside and beyond the training length.

    value(i) = mean over documents of the loss of token i / log 2, or of token i being predicted

i position of the scored token, counted from 1, in the middle of its bin; N training length.
Source: the per-position loss of Press et al. (ALiBi, arXiv 2108.12409) and kexue.fm post 9675.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "stream", "unit"]


def data(tables: dict[str, pl.DataFrame], *, extensions: list[str], keep: int) -> pl.DataFrame:
    """Give mean and interval for each variant and bin of positions of the longest documents."""
    values = statistics.measured(tables, "curve", ["length", "bin_lo", "bin_hi"])
    values = values.filter(
        pl.col("extension").is_in(extensions),
        pl.col("length") == pl.col("length").max().over("variant", "stream"),
    ).with_columns(position=(pl.col("bin_lo") + pl.col("bin_hi") + 1) / 2)
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    frame = statistics.over_seeds(values, [*PANEL, *identity, "extension", "position", "guess"])
    sign = pl.when(pl.col("unit") == "accuracy").then(1).otherwise(-1)
    frame = frame.with_columns(gain=sign * pl.col("mean"), control=pl.lit(False))
    return drawing.emphasise(frame, PANEL, "position", keep).drop("gain")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and stream, with the training length marked."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    x = drawing.log_axis("position", frame, "position of the token")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, stream, unit = part.select(PANEL).row(0)
        return drawing.layers(
            part, x, theme.axis_title(task, unit), title=theme.documents(task, stream), pick=pick,
            encodings=encodings, small=True,
            extra=[*drawing.train_rule(part, x), *drawing.guess_rule(part)],
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
