"""Loss or accuracy on the same last N/2 tokens against the length of their context.

    value(T) = mean over the targets of the token loss / log 2, or of the token being predicted

T context length in tokens, all contexts ending at the same targets; N training length. Source:
the fixed-target protocol of kexue.fm posts 9708 and 9948, with the test-time window as control.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "stream", "unit"]


def data(
    tables: dict[str, pl.DataFrame], *, extensions: list[str], controls: list[str], keep: int
) -> pl.DataFrame:
    """Give mean and interval for each variant, extension and context length, with `in_range`."""
    values = statistics.measured(tables, "fixed", ["length"])
    values = values.filter(pl.col("extension").is_in([*extensions, *controls]))
    by = [*PANEL, *statistics.IDENTITY, "variant", "extension", "length", "guess"]
    by = [name for i, name in enumerate(by) if name not in by[:i]]
    frame = statistics.over_seeds(values, by)
    sign = pl.when(pl.col("unit") == "accuracy").then(1).otherwise(-1)
    frame = frame.with_columns(control=pl.col("extension").is_in(controls))
    frame = frame.with_columns(gain=pl.when(~pl.col("control")).then(sign * pl.col("mean")))
    own = pl.col("seed").is_null() & ~pl.col("control")
    start = frame.filter(own, pl.col("length") == pl.col("train_length"))
    start = start.select("variant", "extension", "stream", in_range="mean").unique()
    frame = frame.join(
        start, on=["variant", "extension", "stream"], how="left", maintain_order="left"
    )
    frame = drawing.emphasise(frame, PANEL, "length", keep).drop("variant", "gain")
    return drawing.add_levels(frame, statistics.levels(tables), PANEL)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and stream; controls are dashed, the value at N is dotted."""
    every = drawing.lines(frame)
    encodings, pick, dash = drawing.series(every), drawing.picker(every), drawing.dash(every)
    x = drawing.log_axis("length", every, "context length T (tokens)")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, stream, unit = part.select(PANEL).row(0)
        rows = drawing.lines(part)
        own = rows.filter(
            pl.col("in_range").is_not_null(), pl.col("length") == pl.col("length").max()
        )
        level = alt.Chart(own).mark_rule(strokeDash=[1, 3], clip=True)
        level = level.encode(
            y=alt.Y("in_range:Q"),
            color=encodings["color"],
            strokeOpacity=drawing.choose(alt.StrokeOpacityValue, pick, 0.6, 0.0),
        )
        extra = [level, *drawing.train_rule(rows, x), *drawing.guess_rule(rows)]
        return drawing.layers(
            part, x, theme.axis_title(task, unit), title=theme.documents(task, stream), pick=pick,
            encodings=encodings, extra=extra, dash=dash, ceiling=theme.extent(rows, "guess")[1],
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
