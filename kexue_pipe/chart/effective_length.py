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

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "stream", "unit"]
UNSOLVED = "not solved in range"


def data(tables: dict[str, pl.DataFrame], *, controls: list[str], top: int) -> pl.DataFrame:
    """Give mean, interval and seeds of the effective lengths, best first in each panel.

    Of each variant the plain model is kept, its best extension if that is longer, and the `top`.
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
        own=pl.col("mean").filter(plain).first().over(*PANEL, "variant"),
    )
    longer = pl.col("first") & (pl.col("mean") > pl.col("own").fill_null(0.0))
    far = (pl.col("rank") <= top) & (pl.col("mean") > pl.col("train_length"))
    frame = frame.filter(far | pl.col("new") | plain | longer)
    numbers = [pl.when("ranked").then(name).alias(name) for name in ("mean", "low", "high")]
    return frame.with_columns(numbers).drop("variant", "first", "own")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and stream: the mean, its interval, and each seed as a tick."""
    lengths = pl.concat([frame["train_length"], frame["tested"]]).alias("mean").to_frame()
    title = "effective length (tokens)"
    x = drawing.log_axis("mean", lengths, title)
    pick = drawing.picker(frame, legend=False)
    lowest = frame["train_length"].min()

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, stream, _ = part.select(PANEL).row(0)
        y = alt.Y("name:N", sort=part["name"].to_list(), title=None)
        y = y.axis(grid=True, ticks=False, domain=False)
        base = alt.Chart(part).encode(y=y)
        ranked = base.transform_filter("datum.ranked")
        told = ("name", "rank", "rows", "mean", "low", "high", "k", "tested")
        blue, orange = theme.PALETTE[:2]
        point = ranked.mark_point(filled=True, size=70).encode(
            x=x,
            color=drawing.choose(alt.ColorValue, "datum.new", orange, blue),
            opacity=drawing.choose(alt.OpacityValue, pick, 1.0, 0.2),
            tooltip=theme.tooltip(part.filter("ranked"), *told),
        )
        span = ranked.transform_filter("datum.low !== null").mark_rule(strokeWidth=2)
        span = span.encode(x=alt.X("low:Q", title=title), x2=alt.X2("high"))
        ticks = base.transform_flatten(["seeds"]).transform_filter("datum.ranked")
        ticks = ticks.mark_tick(thickness=2, size=9).encode(x=alt.X("seeds:Q", title=title))
        text = base.transform_filter("!datum.ranked").mark_text(align="left", dx=4)
        text = text.encode(x=alt.XDatum(lowest), text=alt.Text("status:N"))
        layers = [span, ticks, point.add_params(pick), text, *drawing.train_rule(part, x)]
        title_ = theme.documents(task, stream)
        return alt.layer(*layers, width=300, height=alt.Step(16), title=title_)

    return drawing.panels(frame, PANEL, panel, columns=1)
