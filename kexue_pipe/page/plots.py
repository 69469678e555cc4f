"""Charts as data of the page: a specification, its columns, and what is said of it.

Altair sees only the names of data sets: rows stand in the page once, as columns whose repeated
strings are numbered, and the page puts rows together when it draws.
"""

import hashlib
import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import altair as alt
import polars as pl
from altair.utils import schemapi

from kexue_pipe.core import statistics, theme
from kexue_pipe.core.language import Language

SECTIONS = {
    "extrapolation": "Length extrapolation",
    "attention": "Attention",
    "quantizers": "Quantizers",
    "costs": "Training and costs",
}
TOLD = ("level", "status", "text")  # columns of words, where others hold names


class Store:
    """The data sets of one chart: a data transformer of Altair that keeps what it is given."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.sets: dict[str, dict[str, Any]] = {}
        self.columns: dict[str, list[str]] = {}

    def __call__(self, frame: pl.DataFrame) -> dict[str, Any]:
        columns = encode(self._told(frame))
        name = hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:12]
        self.sets[name] = columns
        self.columns[name] = frame.columns
        return {"name": name}

    def _told(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Translate the words that a chart writes beside its marks."""
        words = [n for n in TOLD if frame.schema.get(n) == pl.String]
        said = {n: frame[n].drop_nulls().unique().to_list() for n in words}
        return frame.with_columns(
            pl.col(n).replace({text: self.language(text) for text in said[n]}) for n in words
        )

    def rows_of(self, frame: pl.DataFrame) -> list[str]:
        """Name the data sets that hold the rows of the frame, and not rules or labels beside it."""
        wanted = set(frame.columns)
        return [n for n, columns in self.columns.items() if wanted <= set(columns)] or [*self.sets]


def encode(frame: pl.DataFrame) -> dict[str, Any]:
    """Give a frame as columns; of strings that repeat, the list and its indices; constants once."""
    columns: dict[str, Any] = {}
    for series in frame:
        values = series.to_list()
        if series.dtype != pl.List and values and series.n_unique() == 1:
            columns[series.name] = {"all": values[0]}
        elif series.dtype == pl.String:
            known = list(dict.fromkeys(values))
            place = {value: index for index, value in enumerate(known)}
            columns[series.name] = {"of": known, "at": [place[value] for value in values]}
        else:
            columns[series.name] = values
    return {"n": frame.height, "columns": columns}


def decode(encoded: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the rows of a frame that `encode` made columns of."""
    columns = {}
    for name, column in encoded["columns"].items():
        if isinstance(column, list):
            columns[name] = column
        elif "all" in column:
            columns[name] = [column["all"]] * encoded["n"]
        else:
            columns[name] = [column["of"][index] for index in column["at"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def alone(chart: dict[str, Any]) -> dict[str, Any]:
    """Give the specification of a chart that needs no page: with its rows and the light look."""
    content = chart["content"]
    rows = {name: decode(columns) for name, columns in content["data"].items()}
    return content["spec"] | {"config": theme.config(dark=False), "datasets": rows}


def charts(
    tables: dict[str, pl.DataFrame], plan: dict[str, Any], language: Language
) -> Iterator[dict[str, Any]]:
    """Draw every chart of the plan that has rows, in the order of sections and of `_order_`."""
    nodes = plan.get("nodes", {}).get("chart", {})
    places = list(SECTIONS)
    for name in sorted(nodes, key=lambda n: (nodes[n].get("_order_", 0), n)):
        node = nodes[name]
        module = importlib.import_module(node["_target_"].rpartition(".")[0])
        knobs = {key: value for key, value in node.items() if not key.startswith("_")}
        frame = module.data(tables, **knobs)
        if frame.is_empty():
            continue
        frame = theme.compact(frame)
        store = Store(language)
        spec = _titled(_specification(module.draw, frame, knobs, store), language)
        title = _words(node, "title", language) or name
        caption = " ".join(_words(node, "caption", language).split())
        seeds = _seeds(frame, language)
        spec["description"] = f"{title}. {caption} {seeds}"
        yield {
            "name": name,
            "section": node.get("_section_", places[-1]),
            "title": title,
            "caption": caption,
            "seeds": seeds,
            "content": {"spec": spec, "data": store.sets, "rows": store.rows_of(frame)},
            "command": _command(name, plan),
        }


def _words(node: dict[str, Any], key: str, language: Language) -> str:
    """Give the words of a chart in a language, in English where it has no others."""
    return node.get(f"_{key}_{language.code}_") or node.get(f"_{key}_", "")


def _specification(draw: Any, frame: pl.DataFrame, knobs: dict, store: Store) -> dict[str, Any]:
    """Draw a chart; what Altair would validate, the tests of the charts have validated."""
    alt.data_transformers.register("page", store)  # type: ignore[arg-type]
    with alt.data_transformers.enable("page"), schemapi.debug_mode(False):
        spec = draw(frame, **knobs).to_dict(validate=False)
    return {key: value for key, value in spec.items() if key not in ("config", "$schema")}


def _titled(node: Any, language: Language) -> Any:
    """Translate the titles of axes, legends, tooltips and panels, and names of rules."""
    if isinstance(node, list):
        return [_titled(item, language) for item in node]
    if not isinstance(node, dict):
        return node
    said = {k for k in ("title", "subtitle", "text") if isinstance(node.get(k), str)}
    titled = {k: language.title(v) if k in said else _titled(v, language) for k, v in node.items()}
    if "labelExpr" in node:  # its words stand in quotes
        titled["labelExpr"] = re.sub(
            "'([^']*)'", lambda literal: f"'{language(literal[1])}'", node["labelExpr"]
        )
    return titled


def _seeds(frame: pl.DataFrame, language: Language) -> str:
    low, high = (int(bound) for bound in theme.extent(frame, "k"))
    if low == high == 1:
        return language("n\u00a0=\u00a01 seed: no interval.")
    count = str(low) if low == high else language("{low} to {high}", low=low, high=high)
    if high < statistics.MIN_SEEDS:
        return language("n\u00a0=\u00a0{count} seeds: no interval.", count=count)
    if low < statistics.MIN_SEEDS:
        return language(
            "n\u00a0=\u00a0{count} seeds, no interval where there are fewer than 3.", count=count
        )
    return language("n\u00a0=\u00a0{count} seeds.", count=count)


def _command(name: str, plan: dict[str, Any]) -> str:
    commands = plan.get("commands", {})
    default = f"snakemake -j8 results/report/{plan['suite']}.html"
    return commands.get(name) or commands.get("report") or default
