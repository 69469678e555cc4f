"""Dot plots: a row for each variant, a dot with its interval for each span of L or measure."""

from collections.abc import Callable

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, theme

PANEL = ["task", "layer"]


def ordered(frame: pl.DataFrame, by: list[str], last: str) -> pl.DataFrame:
    """Sort the variants of each panel by their mean in the `last` span, smallest first."""
    own = pl.col("mean").filter(pl.col("seed").is_null(), span=last)
    frame = frame.with_columns(rank=own.mean().over(*PANEL, "variant"))
    order = [*PANEL, "rank", "order", "extension", *by, "seed"]
    return frame.sort(order, nulls_last=True).drop("variant", "rank")


def draw(
    frame: pl.DataFrame,
    title: str,
    spans: tuple[str, ...],
    marks: dict[str, float],
    legend: str = "rows",
) -> alt.ConcatChart:
    """Draw one panel for each task and layer; `marks` names values that are dashed rules."""
    pick = drawing.picker(frame, legend=False)
    means = theme.extent(frame, "mean")
    low, high = min(*means, *marks.values()), max(*means, *marks.values())
    scale = alt.Scale(domain=(low - 0.1, high + 0.1), nice=False)
    x = alt.X("mean:Q", title=title, scale=scale)
    colours = alt.Scale(domain=spans, range=theme.PALETTE[: len(spans)])
    colour = alt.Color("span:N", scale=colours, legend=alt.Legend(title=legend))
    named = pl.DataFrame({"mean": [*marks.values()], "name": [*marks]})

    def panel(part: pl.DataFrame) -> drawing.Panel:
        names = part["label"].unique(maintain_order=True).to_list()
        y = alt.Y("label:N", sort=names, title=None)
        y = y.axis(grid=True, ticks=False, domain=False)
        base = alt.Chart(part).encode(
            y=y,
            yOffset=alt.YOffset("span:N", sort=spans),
            color=colour,
            opacity=drawing.choose(alt.OpacityValue, pick, 1.0, 0.2),
        )
        summary = base.transform_filter("datum.seed === null")
        ends = summary.transform_filter("datum.low !== null")
        interval = ends.mark_rule(strokeWidth=2, strokeOpacity=0.5, clip=True)
        interval = interval.encode(x=alt.X("low:Q", title=title, scale=scale), x2=alt.X2("high"))
        told = ("label", "extension", "span", "head", "mean", "low", "high", "k")
        tooltip = theme.tooltip(part.filter(pl.col("seed").is_null()), *told)
        point = summary.mark_point(filled=True, size=45).encode(x=x, tooltip=tooltip)
        single = base.transform_filter("datum.seed !== null").mark_point(size=16).encode(x=x)
        bounds = alt.Chart(named).encode(x=x)
        rule = bounds.mark_rule(strokeDash=[6, 3])
        text = bounds.mark_text(baseline="bottom", dy=-3).encode(
            y=alt.YValue(0), text=alt.Text("name:N")
        )
        title_ = f"{part['task'][0]}, layer {part['layer'][0]}"
        drawn = [rule, text, interval, single, point.add_params(pick)]
        return alt.layer(*drawn, width=260, height=alt.Step(9), title=title_)

    return drawing.panels(frame, PANEL, panel)


def draw_measures(
    frame: pl.DataFrame,
    by: list[str],
    title: str,
    legend: str,
    name: Callable[..., str],
    zero: bool = True,
) -> alt.ConcatChart:
    """Draw one panel for each value of `by`, which `name` names, and one point for each measure."""
    pick = drawing.picker(frame, legend=False)
    measures = frame["measure"].unique(maintain_order=True).to_list()
    explained = alt.Legend(title=legend, symbolOpacity=1.0)
    colour = alt.Color("measure:N", legend=explained).scale(domain=measures, range=theme.PALETTE)
    shape = alt.Shape("measure:N", legend=explained).scale(domain=measures)
    x = alt.X("mean:Q", title=title, scale=alt.Scale(zero=zero))

    def panel(part: pl.DataFrame) -> drawing.Panel:
        names = part["label"].unique(maintain_order=True).to_list()
        y = alt.Y("label:N", sort=names, title=None).axis(grid=True, ticks=False, domain=False)
        base = alt.Chart(part).encode(y=y)
        whole = base.transform_filter("datum.seed === null")
        told = ("label", "measure", "mean", "low", "high", "k")
        tooltip = theme.tooltip(part.filter(pl.col("seed").is_null()), *told)
        span = whole.transform_filter("datum.low !== null").mark_rule(strokeWidth=2)
        span = span.encode(x=alt.X("low:Q", title=title), x2=alt.X2("high"), color=colour)
        point = whole.mark_point(filled=True, size=60)
        faint = drawing.choose(alt.OpacityValue, pick, 1.0, 0.2)
        point = point.encode(x=x, color=colour, shape=shape, opacity=faint, tooltip=tooltip)
        single = base.transform_filter("datum.seed !== null").mark_point(size=14)
        single = single.encode(x=x, color=colour)
        return alt.layer(
            span, single, point.add_params(pick),
            width=drawing.WIDTH, height=alt.Step(18), title=name(*part.select(by).row(0)),
        )  # fmt: skip

    return drawing.panels(frame, by, panel)
