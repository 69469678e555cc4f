"""Variants and extensions ranked by their effective context length.

    T_eff = max {T : value(T') is worse than value(N) by at most eps for all N <= T' <= T}
    interval: mean +- t_{k-1}(0.975) s / sqrt(k) of log2(T_eff / N) over k >= 3 seeds

T context length, N training length in tokens; eps 0.05 bits per token, or 0.01 of accuracy, on
the same last N/2 tokens. T_eff is one of the tested lengths: it is rounded down to an octave.
Source: RULER (arXiv 2404.06654), with a threshold relative to N.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import statistics, theme

PANEL = ["task", "stream", "unit"]
UNSOLVED = "not solved in range"


def data(tables: dict[str, pl.DataFrame], *, controls: list[str], top: int) -> pl.DataFrame:
    """Give mean, interval and seeds of the effective lengths, best first in each panel.

    Of each variant the plain model and its best extension are kept, and the `top` of all.
    """
    values = statistics.measured(tables, "fixed", ["length"])
    values = values.filter(~pl.col("extension").is_in(controls))
    plain = pl.col("extension") == "none"
    name = pl.when(plain).then("label").otherwise(pl.col("label") + " + " + pl.col("extension"))
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    each = statistics.effective_lengths(values).with_columns(name=name)
    frame = statistics.effective_over_seeds(
        each, tables["runs"], [*PANEL, *identity, "variant", "extension", "name"]
    ).with_columns(status=pl.when("ranked").then(pl.lit("")).otherwise(pl.lit(UNSOLVED)))
    shortest = pl.col("seeds").list.first()
    best = [*PANEL, "ranked", "mean", shortest, "order", "extension"]
    frame = frame.sort(best, descending=[False] * 3 + [True] * 3 + [False] * 2)
    frame = frame.with_columns(
        rank=pl.int_range(1, pl.len() + 1).over(PANEL),
        rows=pl.len().over(PANEL),
        first=(~plain).cum_sum().over(*PANEL, "variant") == 1,  # the best extension of a variant
    )
    frame = frame.filter((pl.col("rank") <= top) | pl.col("new") | plain | pl.col("first"))
    numbers = [pl.when("ranked").then(name).alias(name) for name in ("mean", "low", "high")]
    return frame.with_columns(numbers).drop("variant", "first")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and stream: the mean, its interval, and each seed as a tick."""
    lengths = pl.concat([frame["train_length"], frame["tested"]]).alias("mean").to_frame()
    title = "effective length (tokens)"
    x = theme.log_axis("mean", lengths, title)
    lowest = frame["train_length"].min()

    def panel(part: pl.DataFrame) -> theme.Panel:
        task, stream, _ = part.select(PANEL).row(0)
        y = alt.Y("name:N", sort=part["name"].to_list(), title=None)
        y = y.axis(grid=True, ticks=False, domain=False)
        base = alt.Chart(part).encode(y=y)
        ranked = base.transform_filter("datum.ranked")
        tooltip = ["name:N", "rank:Q", "rows:Q", "mean:Q", "low:Q", "high:Q", "k:Q", "tested:Q"]
        colour = alt.when("datum.new").then(alt.value(theme.PALETTE[1]))
        point = ranked.mark_point(filled=True, size=70).encode(
            x=x, color=colour.otherwise(alt.value(theme.PALETTE[0])), tooltip=tooltip
        )
        span = ranked.transform_filter("datum.low !== null").mark_rule(strokeWidth=2)
        span = span.encode(x=alt.X("low:Q", title=title), x2="high:Q")
        ticks = base.transform_flatten(["seeds"]).transform_filter("datum.ranked")
        ticks = ticks.mark_tick(thickness=2, size=9).encode(x=alt.X("seeds:Q", title=title))
        text = base.transform_filter("!datum.ranked").mark_text(align="left", dx=4)
        text = text.encode(x=alt.datum(lowest), text="status:N")
        chart = alt.layer(span, ticks, point, text, *theme.train_rule(part, x))
        return chart.properties(width=300, height=alt.Step(16), title=theme.documents(task, stream))

    return theme.panels(frame, PANEL, panel, columns=1)
