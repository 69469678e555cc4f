"""Findings in sentences: what the declared comparisons of a suite say, most telling first.

    size of an effect = |difference| / smallest difference of its unit that matters

Each rule names its comparison (`comparisons.py`) and has a sentence (`findings.yaml`) that follows
its sign; a difference that is not certain, or does not matter, is not told. Of the rest, COUNT are
told: each time one from the section, rule, task and size of model that was told least so far, among
these the largest, and never more than MOST of one task and section. Rules that are `first` come
before all else. Intervals are not adjusted for the number of comparisons; the report says so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from kexue_pipe.core import theme
from kexue_pipe.core.language import Language
from kexue_pipe.page import comparisons
from kexue_pipe.page.comparisons import FAR, Row, Side, Tables

COUNT, MOST = 5, 2


@dataclass(frozen=True)
class Rule:
    """A comparison, its section of the report, and what its left side was chosen from."""

    name: str  # of its sentence
    section: str
    compare: Callable[[Tables], Iterable[Row]]
    kind: str = ""
    chosen: str = "best"
    first: bool = False


def _lengths(name: str, left: Side, right: Side, kind: str = "", first: bool = False) -> Rule:
    compare = partial(comparisons.lengths, left=left, right=right)
    return Rule(name, "extrapolation", compare, kind, first=first)


PLAIN, WINDOW = (partial(Side, "default", extension) for extension in ("none", "window"))
NEW, OTHER = (partial(Side, who, "none") for who in ("new", "other"))
RULES = (
    _lengths("new", NEW(FAR), PLAIN(FAR), first=True),
    _lengths("new in range", NEW(1), PLAIN(1), first=True),
    _lengths("growth", PLAIN(FAR), PLAIN(1)),
    _lengths("window", WINDOW(FAR), PLAIN(FAR)),
    _lengths("extension", Side("default", "any", FAR), WINDOW(FAR), "extensions"),
    _lengths("variant", OTHER(FAR), PLAIN(FAR), "variants"),
    _lengths("rival", OTHER(FAR), WINDOW(FAR), "variants"),
    _lengths("variant in range", OTHER(1), PLAIN(1), "variants"),
    Rule("entropy", "attention", comparisons.entropies),
    Rule("slope", "attention", comparisons.slopes, "variants", "most"),
    Rule("quantizer", "quantizers", comparisons.quantizers, "quantizers"),
)


def findings(tables: dict[str, pl.DataFrame], language: str = "en") -> list[str]:
    """Give the sentences that the tables support, most telling first."""
    found = [row | {"rule": rule} for rule in RULES for row in rule.compare(tables)]
    return [sentence(row, language) for row in choose(found)]


def choose(found: list[Row]) -> Iterator[Row]:
    """Pick one after the other, so that no section, rule, task or size crowds out the others."""
    told: Counter[tuple[str, ...]] = Counter()

    def keys(row: Row) -> list[tuple[str, ...]]:
        rule, task = row["rule"], ("task", row["rule"].section, row["task"])
        return [("section", rule.section), ("rule", rule.name), task, (*task, row["size"])]

    def rank(row: Row) -> tuple[Any, ...]:
        return (not row["rule"].first, *(told[key] for key in keys(row)), -row["ratio"])

    for _ in range(COUNT):
        found = [row for row in found if told[keys(row)[2]] < MOST]
        if not found:
            return
        best = min(found, key=rank)
        found = [row for row in found if row is not best]
        told.update(keys(best))
        yield best


def sentence(row: Row, language: str) -> str:
    """Say a comparison: the number first, then what it is, what it was chosen from, its scope."""
    words, rule = _words(), row["rule"]
    told = words["rules"][rule.name]
    row = row | {"effect": _effect(row, language), "way": told["ways"][language][row["mean"] < 0]}
    parts = [told[language]]
    if rule.kind and row["count"] > 1:
        row["kind"] = words["kinds"][rule.kind][language]
        parts.append(words["chosen"][rule.chosen][language])
    row["place"] = Language(language).title(theme.documents(row["task"], row["stream"]))
    if row["unit"] == "dB":
        stream = Language(language)(row["stream"])
        row["place"] = words["images"][language].format(stream=stream)
    return "".join(part.format(**row) for part in [*parts, words["scope"][language]])


def _effect(row: Row, language: str) -> str:
    low, high = sorted((abs(row["low"]), abs(row["high"])))
    unit, scale, digits = row["unit"], 1.0, 2
    if unit == "bits":
        unit = theme.UNITS.get(row["task"], "bits per token")
    if unit == "accuracy":
        scale, digits = 100.0, 1
    numbers = [f"{scale * number:.{digits}f}" for number in (abs(row["mean"]), low, high)]
    return f"{numbers[0]} {_words()['units'][unit][language]} [{numbers[1]}, {numbers[2]}]"


@cache
def _words() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
