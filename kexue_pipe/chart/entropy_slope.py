"""How fast attention entropy grows with the row length, one slope for each variant.

    H(L) = a + b log L,    b fitted over octaves of L in each seed,    log L = H + (log L - H)

L visible keys of a row, H its entropy in nats. Attention of a fixed concentration has b = 1, as
uniform attention does; entropy-invariant attention has b = 0. An octave takes part with the mean of
log L of its own rows, which its two metrics add up to. Source: 从熵不变性看Attention的Scale操作
(post 8823, 2021-12-21).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "layer"]
SPANS = ("up to N", "beyond N")
MIN_OCTAVES = 3  # no slope below


def data(
    tables: dict[str, pl.DataFrame], *, metric: str, gap: str, extensions: list[str], shortest: int
) -> pl.DataFrame:
    """Give mean and interval over seeds of the slope of each layer, within N and beyond it."""
    means = statistics.head_means(tables, [metric, gap], extensions)
    inside = (pl.col("bin_lo") >= shortest) & (pl.col("bin_hi") <= pl.col("train_length"))
    beyond = pl.col("bin_lo") >= pl.col("train_length")
    span = pl.when(inside).then(pl.lit(SPANS[0])).when(beyond).then(pl.lit(SPANS[1]))
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    by = [*PANEL, *identity, "variant", "extension", "span"]
    value = pl.col("value").filter
    slopes = (
        means.with_columns(span=span)
        .drop_nulls("span")
        .group_by(*by, "seed", "bin_lo", maintain_order=True)
        .agg(h=value(pl.col("metric") == metric).mean(), g=value(pl.col("metric") == gap).mean())
        .with_columns(length=pl.col("h") + pl.col("g"))
        .drop_nulls("length")
        .group_by(*by, "seed", maintain_order=True)
        .agg(value=pl.cov("length", "h") / pl.col("length").var(), octaves=pl.len())
        .filter(pl.col("octaves") >= MIN_OCTAVES)
    )
    frame = statistics.over_seeds(slopes, by)
    last = pl.col("mean").filter(pl.col("seed").is_null(), span=SPANS[1])
    frame = frame.with_columns(rank=last.first().over(*PANEL, "variant"))
    order = [*PANEL, "rank", "order", "extension", "span", "seed"]
    return frame.sort(order, nulls_last=True).drop("variant", "rank")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer, the slowest growth beyond N on top."""
    pick = drawing.picker(frame, legend=False)
    low, high = theme.extent(frame, "mean")
    title = "slope of entropy in log L"
    scale = alt.Scale(domain=(min(low, 0.0) - 0.1, max(high, 1.0) + 0.1), nice=False)
    x = alt.X("mean:Q", title=title, scale=scale)
    colours = alt.Scale(domain=SPANS, range=theme.PALETTE[:2])
    colour = alt.Color("span:N", scale=colours, legend=alt.Legend(title="rows"))
    marks = pl.DataFrame({"mean": [0.0, 1.0], "name": ["invariant", "uniform"]})

    def panel(part: pl.DataFrame) -> drawing.Panel:
        names = part["label"].unique(maintain_order=True).to_list()
        y = alt.Y("label:N", sort=names, title=None)
        y = y.axis(grid=True, ticks=False, domain=False)
        base = alt.Chart(part).encode(
            y=y,
            yOffset=alt.YOffset("span:N", sort=SPANS),
            color=colour,
            opacity=drawing.choose(alt.OpacityValue, pick, 1.0, 0.2),
        )
        summary = base.transform_filter("datum.seed === null")
        interval = summary.transform_filter("datum.low !== null").mark_rule(
            strokeWidth=2, clip=True
        )
        interval = interval.encode(x=alt.X("low:Q", title=title, scale=scale), x2=alt.X2("high"))
        told = ("label", "extension", "span", "mean", "low", "high", "k")
        tooltip = theme.tooltip(part.filter(pl.col("seed").is_null()), *told)
        point = summary.mark_point(filled=True, size=45).encode(x=x, tooltip=tooltip)
        single = base.transform_filter("datum.seed !== null").mark_point(size=16).encode(x=x)
        bounds = alt.Chart(marks).encode(x=x)
        rule = bounds.mark_rule(strokeDash=[6, 3])
        text = bounds.mark_text(baseline="bottom", dy=-3).encode(
            y=alt.YValue(0), text=alt.Text("name:N")
        )
        title_ = f"{part['task'][0]}, layer {part['layer'][0]}"
        drawn = [rule, text, interval, single, point.add_params(pick)]
        return alt.layer(*drawn, width=260, height=alt.Step(9), title=title_)

    return drawing.panels(frame, PANEL, panel)
