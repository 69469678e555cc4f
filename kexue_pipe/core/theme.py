"""The look of every chart: palette, light and dark configuration, labels, and shared layers.

Colours are those of Okabe and Ito (2008) without black and yellow, which fail on one of the two
backgrounds, and with grey; on a dark page `ON_DARK` lightens four of them. Colour and shape
together tell 7 x 6 = 42 series apart.
"""

from collections.abc import Callable, Iterable
from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core.spelling import split_name

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#808080")
ON_DARK = {"#0072B2": "#4DA6E0", "#D55E00": "#EE8040", "#009E73": "#35BF96", "#808080": "#A0A6AD"}
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")
UNITS = {"text": "bits per character"}  # a token of this task is a character
Panel = alt.LayerChart | alt.FacetChart  # what `properties` of a layered chart gives
WIDTH, HEIGHT = 380, 270


def config(dark: bool) -> dict[str, Any]:
    """Give the Vega-Lite configuration for a light or a dark page."""
    ink, faint, grid = (
        ("#d9dce1", "#9aa0a8", "#33383f") if dark else ("#24282e", "#5c636c", "#e4e6ea")
    )
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
    return {
        "background": None,
        "font": font,
        "view": {"stroke": None},
        "axis": {
            "labelColor": faint, "titleColor": ink, "gridColor": grid, "domainColor": faint,
            "tickColor": faint, "titleFontWeight": "normal", "labelFontSize": 11,
            "titleFontSize": 12, "titlePadding": 8,
        },
        "header": {"labelColor": ink, "titleColor": ink, "labelFontSize": 11},
        "legend": {
            "labelColor": ink, "titleColor": faint, "titleFontWeight": "normal",
            "labelFontSize": 11, "titleFontSize": 11, "symbolLimit": 80, "labelLimit": 220,
        },
        "title": {
            "color": ink, "subtitleColor": faint, "fontSize": 13, "fontWeight": 600,
            "anchor": "start", "offset": 14,
        },
        "axisY": {"labelLimit": 230},
        "rule": {"color": faint},
        "text": {"color": faint, "fontSize": 11},
        "tick": {"color": faint},
    }  # fmt: skip


def identify(variants: pl.DataFrame, new: Iterable[str] = ()) -> pl.DataFrame:
    """Add suffix (name without the task and what all share), label, order and `new`.

    Every chart of a page draws a label with the same colour and shape, a function of `order`:
    new variants first, then the defaults, then the alphabet; images after tokens.
    """
    parts = {name: split_name(name)[1:] for name in variants["variant"]}
    shared = set.intersection(*map(set, parts.values())) if len(parts) > 1 else set()
    fresh = set(new)
    rows = []
    for row in variants.iter_rows(named=True):
        suffix = ",".join(part for part in parts[row["variant"]] if part not in shared)
        chosen = {g: row[g] for g in ("position", "attention", "quantizer") if row[g]}
        default = " · ".join(chosen.values())
        if len(chosen) == 1:
            default = "=".join(*chosen.items())
        is_new = row["variant"] in fresh
        label = suffix or default or "default"
        rank = (row["chance"] is None, not is_new, suffix != "", label)
        rows.append((suffix, label, rank, is_new))
    labels = list(dict.fromkeys(rank[-1] for rank in sorted(row[2] for row in rows)))
    return variants.with_columns(
        pl.Series("suffix", [row[0] for row in rows], pl.String),
        pl.Series("label", [row[1] for row in rows], pl.String),
        pl.Series("order", [labels.index(row[1]) for row in rows], pl.Int64),
        pl.Series("new", [row[3] for row in rows], pl.Boolean),
    )


def emphasise(frame: pl.DataFrame, panel: list[str], at: str, keep: int) -> pl.DataFrame:
    """Add `emphasis`: new variants, defaults, and the `keep` best of each panel at the largest x.

    `gain` (more is better) ranks. Where no more than 8 labels are drawn, all are emphasised.
    """
    last = frame.filter(pl.col("seed").is_null(), pl.col(at) == pl.col(at).max().over(panel))
    best = last.filter(pl.col("gain").rank("ordinal", descending=True).over(panel) <= keep)
    chosen = best["label"].unique().to_list()
    few = frame["label"].n_unique() <= 8
    return frame.with_columns(
        emphasis=pl.lit(few)
        | pl.col("new")
        | (pl.col("suffix") == "")
        | pl.col("label").is_in(chosen)
    )


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """Round to 5 significant digits and turn what is not finite into null, for inline data."""
    floats = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    return frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name).round_sig_figs(5)).alias(name)
        for name in floats
    )


def axis_title(task: str, unit: str) -> str:
    """Give the title of a value axis."""
    return "accuracy" if unit == "accuracy" else f"loss ({UNITS.get(task, 'bits per token')})"


def documents(task: str, stream: str) -> str:
    """Name the documents of a panel."""
    return f"{task}, {stream} documents" if task != stream else f"{task} documents"


def series(frame: pl.DataFrame, field: str = "label", title: str = "variant") -> dict[str, Any]:
    """Give colour and shape of a series; both stand in one legend."""
    ranks = frame.select(field, "order").unique().sort("order", field)
    ranks = ranks.unique(field, keep="first", maintain_order=True)
    domain, order = ranks[field].to_list(), ranks["order"].to_list()
    colours = [PALETTE[rank % len(PALETTE)] for rank in order]
    shapes = [SHAPES[rank // len(PALETTE) % len(SHAPES)] for rank in order]
    legend = alt.Legend(title=title)
    return {
        "color": alt.Color(field, type="nominal", legend=legend).scale(
            domain=domain, range=colours
        ),
        "shape": alt.Shape(field, type="nominal", legend=legend).scale(domain=domain, range=shapes),
    }


def picker(frame: pl.DataFrame, field: str = "label") -> alt.Parameter:
    """Give the legend selection; where some series are emphasised, it starts with those."""
    all_ = frame[field].unique().to_list()
    chosen = frame.filter("emphasis")[field].unique(maintain_order=True).to_list()
    value = [{field: label} for label in chosen] if len(chosen) < len(all_) else alt.Undefined
    return alt.selection_point(name="pick", fields=[field], bind="legend", value=value)


def log_axis(field: str, frame: pl.DataFrame, title: str) -> alt.X:
    """Give a log2 axis with a label at each power of two in the range of the data."""
    low, high = extent(frame, field)
    ticks = [2**i for i in range(21) if low / 1.01 <= 2**i <= high * 1.01]
    room = 2**0.12  # so that no mark lies on an edge
    scale = alt.Scale(type="log", base=2, domain=[low / room, high * room], nice=False)
    axis = alt.Axis(values=ticks, format="d", labelOverlap=True, grid=False)
    return alt.X(field, type="quantitative", title=title, scale=scale, axis=axis)


def dash(frame: pl.DataFrame) -> alt.StrokeDash:
    """Give the dash of each extension: solid, unless it is a control."""
    names = frame.select("extension", "control").unique().sort("control", "extension")
    controls = iter(([6, 3], [2, 3], [8, 2, 2, 2]) * 9)
    styles = [next(controls) if control else [1, 0] for control in names["control"]]
    scale = alt.Scale(domain=names["extension"].to_list(), range=styles)
    return alt.StrokeDash("extension:N", scale=scale, legend=alt.Legend(title="extension"))


def extent(frame: pl.DataFrame, *columns: str) -> tuple[float, float]:
    """Give the smallest and the largest number in the columns; 0 and 1 where there is none."""
    low = frame.select(pl.min_horizontal(pl.col(columns).min())).item()
    high = frame.select(pl.max_horizontal(pl.col(columns).max())).item()
    return (0.0, 1.0) if low is None else (float(low), float(high))


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
        bottom, top = 0.0, min(1.0, top)
    bottom, top = (bottom if floor is None else floor), max(top, ceiling or top)
    return alt.Scale(domain=[bottom, top], nice=True, zero=False)


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
    pick: alt.Parameter,
    encodings: dict[str, Any],
    extra: Iterable[Any] = (),
    dash: Any = alt.Undefined,
    floor: float | None = None,
    ceiling: float | None = None,
    small: bool = False,
    scale: alt.Scale | None = None,
) -> Panel:
    """Draw mean lines with bands over seeds, single seeds as faint points, and `extra` layers."""
    scale = scale or value_scale(frame, floor, ceiling)
    extra = [*level_lines(frame, x), *extra]
    frame = lines(frame)

    def shown(on: float, off: float) -> Any:
        return alt.when(pick).then(alt.value(on)).otherwise(alt.value(off))

    wanted = ("label", "extension", "stream", "seed", field_of(x), "mean", "low", "high", "k")
    tooltip = [
        alt.Tooltip(name, type="nominal" if frame.schema[name] == pl.String else "quantitative")
        for name in wanted
        if name in frame.columns
    ]
    base = alt.Chart(frame).encode(x=x, color=encodings["color"], detail="extension:N")
    summary = base.transform_filter("datum.seed === null")
    y = alt.Y("mean:Q", title=y_title, scale=scale)
    band = summary.transform_filter("datum.low !== null").mark_area(clip=True)
    band = band.encode(y=alt.Y("low:Q", title=y_title), y2="high:Q", fillOpacity=shown(0.18, 0.0))
    width = alt.when("datum.new").then(alt.value(3.0)).otherwise(alt.value(1.6))
    line = summary.mark_line(clip=True).encode(
        y=y, opacity=shown(1.0, 0.12), strokeWidth=width, strokeDash=dash
    )
    points = summary.mark_point(filled=True, size=18 if small else 40, clip=True).encode(
        y=y, shape=encodings["shape"], opacity=shown(1.0, 0.08), tooltip=tooltip
    )
    singles = base.transform_filter("datum.seed !== null").mark_point(size=16, clip=True)
    singles = singles.encode(y=y, opacity=shown(0.45, 0.05), tooltip=tooltip)
    return alt.layer(points, *extra, band, line, singles).properties(width=WIDTH, height=HEIGHT)


def field_of(x: alt.X) -> str:
    """Give the name of the column that an axis draws."""
    return str(x.shorthand).split(":")[0]


def train_rule(frame: pl.DataFrame, x: alt.X) -> list[alt.Chart]:
    """Mark each training length N in the frame by a dotted vertical rule with its name."""
    marks = frame.select(pl.col("train_length").alias(field_of(x))).unique().sort(field_of(x))
    base = alt.Chart(marks).encode(x=x)
    rule = base.mark_rule(strokeDash=[2, 3], strokeWidth=1.5)
    text = base.mark_text(baseline="bottom", dy=-3, text="N").encode(y=alt.value(0))
    return [rule, text]


def guess_rule(frame: pl.DataFrame) -> list[alt.Chart]:
    """Mark what a uniform guess reaches by a dotted horizontal rule with its name."""
    base = alt.Chart(frame.select("guess").unique()).encode(y="guess:Q")
    rule = base.mark_rule(strokeDash=[1, 2], clip=True)
    text = base.mark_text(align="right", baseline="bottom", dx=-2, dy=-2, text="chance", clip=True)
    return [rule, text.encode(x=alt.value("width"))]


def level_lines(frame: pl.DataFrame, x: alt.X) -> list[alt.Chart]:
    """Draw each level as a thin dotted line with its name in the middle."""
    if "level" not in frame.columns:
        return []
    rows = frame.filter(pl.col("level").is_not_null()).select("level", field_of(x), "mean", "unit")
    if rows.is_empty():
        return []
    base = alt.Chart(rows).encode(x=x, y="mean:Q", detail="level:N", tooltip=["level:N", "mean:Q"])
    line = base.mark_line(strokeDash=[1, 2], strokeWidth=1.2, color="#808080", clip=True)
    middle = pl.int_range(pl.len()).over("level") == (pl.len() // 2).over("level")
    names = rows.filter(middle)
    above = (pl.col("unit") != "accuracy") | (pl.col("mean") < 0.5)  # a ceiling is at the top
    high, low = (
        alt.Chart(part).mark_text(dy=dy, clip=True)
        for part, dy in ((names.filter(above), -6), (names.filter(~above), 7))
    )
    return [line, *(text.encode(x=x, y="mean:Q", text="level:N") for text in (high, low))]


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
    return alt.concat(*charts, columns=columns)
