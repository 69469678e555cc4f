"""Variants and extensions ranked by their effective context length.

    T_eff = max {T : value(T') is worse than value(N) by at most eps for all N <= T' <= T}

T context length, N training length in tokens; eps 0.05 bits per token, or 0.01 of accuracy, on
the same last N/2 tokens. Source: RULER (arXiv 2404.06654), with a threshold relative to N.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import statistics, theme

PANEL = ["task", "stream", "unit"]
UNSOLVED = "not solved in range"


def data(tables: dict[str, pl.DataFrame], *, controls: list[str], top: int) -> pl.DataFrame:
    """Give median, smallest and largest effective length over seeds, best first in each panel."""
    values = statistics.measured(tables, "fixed", ["length"])
    values = values.filter(~pl.col("extension").is_in(controls))
    runs = tables["runs"].select("variant", "seed", "solved", "status")
    each = statistics.effective_lengths(values).join(
        runs, on=["variant", "seed"], how="left", maintain_order="left"
    )
    plain = pl.col("extension") == "none"
    name = pl.when(plain).then("label").otherwise(pl.col("label") + " + " + pl.col("extension"))
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    solved = pl.col("solved").fill_null(True).all()
    frame = (
        each.with_columns(name=name)
        .group_by(*PANEL, *identity, "extension", "name", maintain_order=True)
        .agg(
            pl.col("effective").median().alias("median"),
            pl.col("effective").min().alias("low"),
            pl.col("effective").max().alias("high"),
            pl.col("effective").sort().alias("seeds"),
            pl.col("tested").max(),
            pl.len().alias("k"),
            pl.when(solved).then(pl.lit("")).otherwise(pl.lit(UNSOLVED)).alias("status"),
        )
        .with_columns(ranked=pl.col("status") == "")
    )
    best = [*PANEL, "ranked", "median", "low", "high", "order", "extension"]
    frame = frame.sort(best, descending=[False] * 3 + [True] * 4 + [False] * 2)
    frame = frame.with_columns(rank=pl.int_range(1, pl.len() + 1).over(PANEL))
    default = (pl.col("suffix") == "") & plain
    frame = frame.filter((pl.col("rank") <= top) | pl.col("new") | default)
    numbers = ["median", "low", "high"]
    return frame.with_columns(pl.when("ranked").then(name).alias(name) for name in numbers)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and stream: the median, the range, and each seed as a tick."""
    lengths = pl.concat([frame["train_length"], frame["tested"]]).alias("median").to_frame()
    title = "effective length (tokens)"
    x = theme.log_axis("median", lengths, title)
    lowest = frame["train_length"].min()

    def panel(part: pl.DataFrame) -> theme.Panel:
        task, stream, _ = part.select(PANEL).row(0)
        y = alt.Y("name:N", sort=part["name"].to_list(), title=None)
        y = y.axis(grid=True, ticks=False, domain=False)
        base = alt.Chart(part).encode(y=y)
        ranked = base.transform_filter("datum.ranked")
        tooltip = ["name:N", "median:Q", "low:Q", "high:Q", "k:Q", "tested:Q"]
        colour = alt.when("datum.new").then(alt.value(theme.PALETTE[1]))
        point = ranked.mark_point(filled=True, size=70).encode(
            x=x, color=colour.otherwise(alt.value(theme.PALETTE[0])), tooltip=tooltip
        )
        span = ranked.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
        span = span.encode(x=alt.X("low:Q", title=title))
        ticks = base.transform_flatten(["seeds"]).transform_filter("datum.ranked")
        ticks = ticks.mark_tick(thickness=2, size=9).encode(x=alt.X("seeds:Q", title=title))
        text = base.transform_filter("!datum.ranked").mark_text(align="left", dx=4)
        text = text.encode(x=alt.datum(lowest), text="status:N")
        chart = alt.layer(span, ticks, point, text, *theme.train_rule(part, x))
        return chart.properties(width=300, height=alt.Step(16), title=theme.documents(task, stream))

    return theme.panels(frame, PANEL, panel, columns=1)
