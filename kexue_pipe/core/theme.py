"""The look of every chart: palette, light and dark configuration, labels, units and tooltips.

Colours are those of Okabe and Ito (2008) without black and yellow, which fail on one of the two
backgrounds, and with grey; on a dark page `ON_DARK` lightens four of them. Colour and shape
together tell 7 x 6 = 42 series apart.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core.spelling import split_name

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#808080")
ON_DARK = {"#0072B2": "#4C7DF0", "#D55E00": "#EE8040", "#009E73": "#35BF96", "#808080": "#A0A6AD"}
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")
UNITS = {"text": "bits per character", "codes": "bits per code"}  # what a token is
SETTINGS = ("task.", "model.", "size")  # what, shared by a task, is a setting of its panel
WHOLE = ("k", "seed", "length", "tested", "rank", "rows", "layer", "num_codes")  # in tooltips
TITLES = {
    "label": "variant", "name": "series", "k": "seeds", "low": "95 % from", "high": "95 % to",
    "length": "context T", "row_length": "row length", "position": "position of the token",
    "bin_lo": "from", "nominal": "nominal rate", "entropy": "entropy rate",
    "num_codes": "codes K", "cells": "cells", "circuit_step": "step of the circuit",
    "short": "dB below the bound", "error": "relative error",
}  # fmt: skip


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

    Also settings that all variants of a task share are left out: they belong to its panel. Every
    chart of a page draws a label with the same colour and shape, a function of `order`: new
    variants first, then the defaults, then the alphabet; images after tokens.
    """
    parts = {name: split_name(name)[1:] for name in variants["variant"]}
    shared = set.intersection(*map(set, parts.values())) if len(parts) > 1 else set()
    own = {
        task: {p for p in set.intersection(*map(set, group)) if p.startswith(SETTINGS)}
        for task, group in _by_task(variants, parts).items()
    }
    fresh = set(new)
    rows = []
    for row in variants.iter_rows(named=True):
        left_out = shared | own[row["task"]]
        suffix = ",".join(part for part in parts[row["variant"]] if part not in left_out)
        is_new = row["variant"] in fresh
        label = suffix or chosen(row)
        rank = (row["chance"] is None, not is_new, suffix != "", label)
        rows.append((suffix, label, rank, is_new))
    labels = list(dict.fromkeys(rank[-1] for rank in sorted(row[2] for row in rows)))
    return variants.with_columns(
        pl.Series("suffix", [row[0] for row in rows], pl.String),
        pl.Series("label", [row[1] for row in rows], pl.String),
        pl.Series("order", [labels.index(row[1]) for row in rows], pl.Int64),
        pl.Series("new", [row[3] for row in rows], pl.Boolean),
    )


def chosen(row: Mapping[str, Any]) -> str:
    """Name the components of a variant, `rope · softmax`; with its group where there is one."""
    names = {g: row[g] for g in ("position", "attention", "quantizer") if row[g]}
    if len(names) == 1:
        return "=".join(*names.items())
    return " · ".join(names.values()) or "default"


def _by_task(variants: pl.DataFrame, parts: dict[str, list[str]]) -> dict[str, list[list[str]]]:
    groups: dict[str, list[list[str]]] = {}
    for name, task in variants.select("variant", "task").iter_rows():
        groups.setdefault(task, []).append(parts[name])
    return groups


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """Round to 5 significant digits and turn what is not finite into null, for inline data."""
    floats = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    return frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name).round_sig_figs(5)).alias(name)
        for name in floats
    )


def tooltip(frame: pl.DataFrame, *names: str) -> list[alt.Tooltip]:
    """Give the columns that the frame has, in four digits; what may be missing is not formatted."""
    fields = []
    for name in names:
        if name not in frame.columns or frame[name].null_count() == frame.height:
            continue
        title = TITLES.get(name, name.replace("_", " "))
        text = frame.schema[name] in (pl.String, pl.Boolean) or frame[name].null_count() > 0
        if text:
            fields.append(alt.Tooltip(name, type="nominal", title=title))
        else:
            digits = "d" if name in WHOLE else ",.4~g"
            fields.append(alt.Tooltip(name, type="quantitative", title=title, format=digits))
    return fields


def axis_title(task: str, unit: str) -> str:
    """Give the title of a value axis."""
    return "accuracy" if unit == "accuracy" else f"loss ({UNITS.get(task, 'bits per token')})"


def documents(task: str, stream: str) -> str:
    """Name the documents of a panel."""
    return f"{stream} documents" if task == stream else f"{task}, {stream} documents"


def extent(frame: pl.DataFrame, *columns: str) -> tuple[float, float]:
    """Give the smallest and the largest number in the columns; 0 and 1 where there is none."""
    low = frame.select(pl.min_horizontal(pl.col(columns).min())).item()
    high = frame.select(pl.max_horizontal(pl.col(columns).max())).item()
    return (0.0, 1.0) if low is None else (float(low), float(high))
