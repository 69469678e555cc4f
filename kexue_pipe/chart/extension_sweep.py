"""Test-time extensions of one checkpoint on the same last N/2 tokens against context length.

    value(T) = mean over the targets of the token loss / log 2, or of the token being predicted

T context length in tokens; every line of a panel is the same trained checkpoint. Source: the
comparison of kexue.fm posts 9675, 9706, 9708 and 9948, with the test-time window as control.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "stream", "unit", "label"]


def data(
    tables: dict[str, pl.DataFrame],
    *,
    controls: list[str],
    reference: list[str],
    keep: int,
    variants: int,
) -> pl.DataFrame:
    """Give mean and interval for each extension of the variants that have more than controls.

    Of each task and stream: the default, new ones, and the `variants` with the best extension.
    """
    values = statistics.measured(tables, "fixed", ["length"])
    extended = values.filter(~pl.col("extension").is_in([*controls, *reference]))
    drawn = _chosen(extended, variants)
    values = values.join(drawn, on=["variant", "stream"], how="semi", maintain_order="left")
    names = sorted(values["extension"].unique(), key=lambda n: (n not in reference, n))
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    frame = statistics.over_seeds(values, [*PANEL, *identity, "extension", "length", "guess"])
    sign = pl.when(pl.col("unit") == "accuracy").then(1).otherwise(-1)
    known = pl.col("extension").is_in([*controls, *reference])
    frame = frame.with_columns(
        gain=sign * pl.col("mean"),
        control=pl.col("extension").is_in(controls),
        order=pl.col("extension").replace_strict(
            names, list(range(len(names))), return_dtype=pl.Int64
        ),
    )
    last = frame.filter(pl.col("seed").is_null(), pl.col("length") == pl.col("length").max())
    best = last.filter(pl.col("gain").rank("ordinal", descending=True).over(PANEL) <= keep)
    chosen = known | pl.col("extension").is_in(best["extension"].unique().to_list())
    frame = frame.with_columns(emphasis=chosen).drop("gain")
    plain = pl.col("seed").is_null() & pl.col("extension").is_in(reference)
    start = frame.filter(plain, pl.col("length") == pl.col("train_length"))
    start = start.select(*PANEL, in_range="mean").unique(PANEL)
    frame = frame.join(start, on=PANEL, how="left", maintain_order="left")
    return drawing.add_levels(frame, statistics.levels(tables), PANEL)


def _chosen(extended: pl.DataFrame, count: int) -> pl.DataFrame:
    """Choose the variants of each task and stream that are worth a panel."""
    last = extended.filter(pl.col("length") == pl.col("length").max().over("variant", "stream"))
    by = ["task", "stream", "variant", "suffix", "order", "new"]
    means = last.group_by(*by, "extension").agg(pl.col("gain").mean())
    best = means.group_by(by).agg(pl.col("gain").max()).sort("order", "variant")
    place = pl.col("gain").rank("ordinal", descending=True).over("task", "stream")
    return best.filter((place <= count) | pl.col("new") | (pl.col("suffix") == ""))


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each variant, task and stream; one line for each extension."""
    every = drawing.lines(frame)
    encodings = drawing.series(every, "extension", "extension")
    pick = drawing.picker(every, "extension")
    x = drawing.log_axis("length", every, "context length T (tokens)")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, stream, unit, label = part.select(PANEL).row(0)
        dash = drawing.choose(alt.StrokeDashValue, "datum.control", [6, 3], [1, 0])
        rows = drawing.lines(part)
        level = alt.Chart(rows.select("in_range").unique()).encode(y=alt.Y("in_range:Q"))
        level = level.mark_rule(strokeDash=[1, 3], clip=True)
        extra = [level, *drawing.train_rule(rows, x), *drawing.guess_rule(rows)]
        title = alt.Title(label, subtitle=theme.documents(task, stream))
        return drawing.layers(
            part, x, theme.axis_title(task, unit), title=title, pick=pick, encodings=encodings,
            extra=extra, dash=dash, ceiling=theme.extent(rows, "guess")[1],
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
