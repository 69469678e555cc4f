"""What charts of several panels share: series, selections, axes, lines with bands, marked lengths.

Channels are objects throughout, and lists of a scale tuples: a text or dict makes Altair hash its
whole schema each time, and it copies a chart, with its lists, at every step.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core.theme import PALETTE, SHAPES, extent, tooltip

Panel = alt.LayerChart | alt.FacetChart  # what `alt.layer` gives
WIDTH, HEIGHT = 340, 260
# a label in a legend: K=64,fsq,channels=8 for quantizer.K=64,quantizer=fsq,size.channels=8
_CHOICE = "replace(datum.label, regexp(',[a-z_]+=', 'g'), ',')"
SHORTER = f"replace({_CHOICE}, regexp('(^|,)[a-z_]+[.]', 'g'), '$1')"


def emphasise(frame: pl.DataFrame, panel: list[str], at: str, keep: int) -> pl.DataFrame:
    """Add `emphasis`: new variants, defaults, and the `keep` of each task that are best most often.

    `gain` (more is better) ranks at the largest x of each panel; a variant counts where it is among
    the `keep` best. Where no more than 8 labels are drawn, all are emphasised.
    """
    last = frame.filter(pl.col("seed").is_null(), pl.col(at) == pl.col(at).max().over(panel))
    best = last.filter(pl.col("gain").rank("ordinal", descending=True).over(panel) <= keep)
    often = best.group_by("task", "label", "order").len()
    often = often.sort("len", "order", descending=[True, False])
    chosen = often.group_by("task", maintain_order=True).head(keep)["label"].to_list()
    few = frame["label"].n_unique() <= 8
    return frame.with_columns(
        emphasis=pl.lit(few)
        | pl.col("new")
        | (pl.col("suffix") == "")
        | pl.col("label").is_in(chosen)
    )


def choose(channel: Callable[..., Any], test: alt.Parameter | str, on: Any, off: Any) -> Any:
    """Give a channel that is `on` where the test holds or the series is picked, else `off`."""
    key = {"test": test} if isinstance(test, str) else {"param": test.name}
    return channel(off, condition=[key | {"value": on}])


def series(frame: pl.DataFrame, field: str = "label", title: str = "variant") -> dict[str, Any]:
    """Give colour and shape of a series; both stand in one legend."""
    ranks = frame.select(field, "order").unique().sort("order", field)
    ranks = ranks.unique(field, keep="first", maintain_order=True)
    order = ranks["order"].to_list()
    domain = tuple(ranks[field])
    colours = tuple(PALETTE[rank % len(PALETTE)] for rank in order)
    shapes = tuple(SHAPES[rank // len(PALETTE) % len(SHAPES)] for rank in order)
    legend = alt.Legend(title=title, labelExpr=SHORTER, labelLimit=130)
    scales = (alt.Scale(domain=domain, range=which) for which in (colours, shapes))
    channels = (("color", alt.Color), ("shape", alt.Shape))
    return {
        name: channel(field, type="nominal", legend=legend, scale=scale)
        for (name, channel), scale in zip(channels, scales, strict=True)
    }


def picker(frame: pl.DataFrame, field: str = "label", legend: bool = True) -> alt.Parameter:
    """Give the selection that links charts: `pick` for variants, `pick_{field}` for the rest.

    Where some series are emphasised, it starts with those. Without a legend, marks are clicked.
    """
    value: Any = alt.Undefined
    if "emphasis" in frame.columns:
        chosen = frame.filter("emphasis")[field].unique(maintain_order=True).to_list()
        if len(chosen) < frame[field].n_unique():
            value = [{field: label} for label in chosen]
    bind = "legend" if legend else alt.Undefined
    name = "pick" if field == "label" else f"pick_{field}"
    return alt.selection_point(name=name, fields=[field], bind=bind, value=value)


def log_axis(field: str, frame: pl.DataFrame, title: str) -> alt.X:
    """Give a log2 axis with a label at each power of two in the range of the data."""
    low, high = extent(frame, field)
    ticks = tuple(2**i for i in range(21) if low / 1.01 <= 2**i <= high * 1.01)
    room = 2**0.12  # so that no mark lies on an edge
    scale = alt.Scale(type="log", base=2, domain=(low / room, high * room), nice=False)
    axis = alt.Axis(values=ticks, format="d", labelOverlap=True, grid=False)
    return alt.X(field, type="quantitative", title=title, scale=scale, axis=axis)


def dash(frame: pl.DataFrame) -> alt.StrokeDash:
    """Give the dash of each extension: solid, unless it is a control."""
    names = frame.select("extension", "control").unique().sort("control", "extension")
    controls = iter(([6, 3], [2, 3], [8, 2, 2, 2]) * 9)
    styles = tuple(next(controls) if control else [1, 0] for control in names["control"])
    scale = alt.Scale(domain=tuple(names["extension"]), range=styles)
    return alt.StrokeDash("extension:N", scale=scale, legend=alt.Legend(title="extension"))


def value_scale(
    frame: pl.DataFrame, floor: float | None = None, ceiling: float | None = None
) -> alt.Scale:
    """Span the means, and intervals as far as they are no wider than the means spread.

    Intervals of three seeds can be huge; an axis that shows them whole would hide the means.
    """
    low, high = extent(frame, "mean")
    room = max(0.5 * (high - low), 0.02 * abs(high), 1e-9)
    outer = extent(frame, "mean", "low", "high")
    bottom, top = max(low - room, outer[0]), min(high + room, outer[1])
    if bottom == top:
        bottom, top = low - room, high + room
    if low >= 0:
        bottom = max(bottom, 0.0)  # the interval of a positive quantity may reach below zero
    if "unit" in frame.columns and "accuracy" in frame["unit"].to_list():
        bottom, top = 0.0, 1.0  # the same in all panels
    bottom, top = (bottom if floor is None else floor), max(top, ceiling or top)
    return alt.Scale(domain=(bottom, top), nice=True, zero=False)


def add_levels(frame: pl.DataFrame, levels: pl.DataFrame, panel: list[str]) -> pl.DataFrame:
    """Add the levels of each panel as rows that have a `level`; `layers` draws them."""
    panels = frame.select(panel).unique(maintain_order=True)
    rows = levels.join(panels, on=["task", "stream", "unit"])
    return pl.concat([frame, rows.sort(*panel, "level", "length")], how="diagonal")


def lines(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave the levels out."""
    return frame.filter(pl.col("level").is_null()) if "level" in frame.columns else frame


def layers(
    frame: pl.DataFrame,
    x: alt.X,
    y_title: str,
    *,
    title: str | alt.Title,
    pick: alt.Parameter,
    encodings: dict[str, Any],
    extra: Iterable[Any] = (),
    dash: Any = alt.Undefined,
    floor: float | None = None,
    ceiling: float | None = None,
    small: bool = False,
    scale: alt.Scale | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Panel:
    """Draw mean lines with bands over seeds, single seeds as faint points, and `extra` layers."""
    scale = scale or value_scale(frame, floor, ceiling)
    extra = [*level_lines(frame, x), *extra]
    frame = lines(frame)
    extra += end_names(frame, x, scale, pick, encodings, size[1])
    names = ("label", "name", "slope", "extension", field_of(x), "mean", "low", "high", "k")
    single = frame["seed"].is_not_null()
    detail = alt.Detail("extension:N")
    base = alt.Chart(frame).encode(x=x, color=encodings["color"], detail=detail)
    summary = base.transform_filter("datum.seed === null")
    y = alt.Y("mean:Q", title=y_title, scale=scale)
    width = choose(alt.StrokeWidthValue, "datum.new", 3.0, 1.6)
    drawn = summary.mark_point(filled=True, size=18 if small else 40).encode(
        y=y,
        shape=encodings["shape"],
        opacity=choose(alt.OpacityValue, pick, 1.0, 0.08),
        tooltip=tooltip(frame.filter(~single), *names),
    )
    drawn = [drawn, *extra]
    if frame["low"].count():
        band = summary.transform_filter("datum.low !== null").mark_area(clip=True)
        shade = choose(alt.FillOpacityValue, pick, 0.18, 0.0)
        low = alt.Y("low:Q", title=y_title)
        drawn.append(band.encode(y=low, y2=alt.Y2("high"), fillOpacity=shade))
    line = summary.mark_line(clip=True)
    faint = choose(alt.OpacityValue, pick, 1.0, 0.12)
    drawn.append(line.encode(y=y, opacity=faint, strokeWidth=width, strokeDash=dash))
    if single.any():
        points = base.transform_filter("datum.seed !== null").mark_point(size=16, clip=True)
        faint = choose(alt.OpacityValue, pick, 0.45, 0.05)
        told = tooltip(frame.filter(single), *names[:5], "seed", "mean", "k")
        drawn.append(points.encode(y=y, opacity=faint, tooltip=told))
    return alt.layer(*drawn, width=size[0], height=size[1], title=title)


def end_names(
    frame: pl.DataFrame,
    x: alt.X,
    scale: alt.Scale,
    pick: alt.Parameter,
    encodings: dict[str, Any],
    height: int,
) -> list[alt.Chart]:
    """Name the emphasised lines where they end, if there are at most 8 and they have room."""
    field = str(encodings["color"].shorthand)
    last = frame.filter(pl.col("seed").is_null(), pl.col("mean").is_not_null(), "emphasis")
    if "control" in frame.columns and field != "extension":
        last = last.filter(~pl.col("control"))
    ends = last.filter(pl.col(field_of(x)) == pl.col(field_of(x)).max())
    ends = ends.unique(field, keep="first", maintain_order=True).sort("mean", field)
    if not 1 < ends.height <= 8 or scale.to_dict().get("type") == "log":
        return []
    low, high = scale.domain
    step = 12 * (high - low) / height
    places: list[float] = []
    for value in ends["mean"].clip(low, high):
        places.append(max(value, places[-1] + step) if places else value)
    over = max(0.0, places[-1] - high)
    for i in range(len(places) - 1, -1, -1):  # what is pushed over the top pushes back
        bound = high if i == len(places) - 1 else places[i + 1] - step
        places[i] = min(places[i], bound) if over else places[i]
    short = pl.col(field).str.replace_all(r"(^|,)\w+[.=]", "$1")
    names = ends.select(field, field_of(x), short=short, place=pl.Series(places))
    text = alt.Chart(names).mark_text(align="left", dx=8, limit=85, fontSize=10)
    return [
        text.encode(
            x=x,
            y=alt.Y("place:Q", scale=scale),
            text=alt.Text("short:N"),
            color=encodings["color"],
            opacity=choose(alt.OpacityValue, pick, 1.0, 0.0),
        )
    ]


def field_of(x: alt.X) -> str:
    """Give the name of the column that an axis draws."""
    return str(x.shorthand).split(":")[0]


def train_rule(frame: pl.DataFrame, x: alt.X) -> list[alt.Chart]:
    """Mark each training length N in the frame by a dotted vertical rule with its name."""
    marks = frame.select(pl.col("train_length").alias(field_of(x))).unique().sort(field_of(x))
    base = alt.Chart(marks).encode(x=x)
    rule = base.mark_rule(strokeDash=[2, 3], strokeWidth=1.5)
    text = base.mark_text(baseline="bottom", dy=-3, text="N").encode(y=alt.YValue(0))
    return [rule, text]


def guess_rule(frame: pl.DataFrame) -> list[alt.Chart]:
    """Mark what a uniform guess reaches by a dotted rule, named at the left, away from lines."""
    base = alt.Chart(frame.select("guess").unique()).encode(y=alt.Y("guess:Q"))
    rule = base.mark_rule(strokeDash=[1, 2], clip=True)
    text = base.mark_text(align="left", baseline="bottom", dx=3, dy=-2, text="chance", clip=True)
    return [rule, text.encode(x=alt.XValue(0))]


def level_lines(frame: pl.DataFrame, x: alt.X) -> list[alt.Chart]:
    """Draw each level of several points as a thin dotted line with its name in the middle."""
    if "level" not in frame.columns:
        return []
    rows = frame.filter(pl.col("level").is_not_null()).select("level", field_of(x), "mean", "unit")
    rows = rows.filter(pl.len().over("level") > 1)
    if rows.is_empty():
        return []
    y = alt.Y("mean:Q")
    base = alt.Chart(rows).encode(
        x=x, y=y, detail=alt.Detail("level:N"), tooltip=tooltip(rows, "level", "mean")
    )
    line = base.mark_line(strokeDash=[1, 2], strokeWidth=1.2, color="#808080", clip=True)
    middle = pl.int_range(pl.len()).over("level") == (pl.len() // 2).over("level")
    names = rows.filter(middle)
    above = (pl.col("unit") != "accuracy") | (pl.col("mean") < 0.5)  # a ceiling is at the top
    sides = ((names.filter(above), -6), (names.filter(~above), 7))
    texts = [alt.Chart(part).mark_text(dy=dy, clip=True) for part, dy in sides if part.height]
    return [line, *(text.encode(x=x, y=y, text=alt.Text("level:N")) for text in texts)]


def panels(
    frame: pl.DataFrame,
    by: list[str],
    build: Callable[[pl.DataFrame], Panel],
    pick: alt.Parameter | None = None,
    columns: int = 2,
) -> alt.ConcatChart:
    """Draw one panel for each value of `by`; the first one declares the selection of all."""
    charts = [build(part) for part in frame.partition_by(by, maintain_order=True)]
    if pick is not None:
        charts[0] = charts[0].add_params(pick)
    with warnings.catch_warnings():  # panels that declare the same selection are meant to share it
        warnings.filterwarnings("ignore", "Automatically deduplicated selection parameter")
        return alt.concat(*charts, columns=columns)
