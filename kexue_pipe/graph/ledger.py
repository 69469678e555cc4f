"""The ledger of `conf/claim/`: which runs each claim needs, and why it cannot be tried where so.

A claim names variants and extensions; whether they compose decides whether it is testable, so that
a claim about a component that does not exist yet comes alive with it. `missing` says in words what
no name can. A suite of claims is the union of their runs: a variant of two claims runs once.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kexue_pipe.core.spelling import join_name, split_name
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import CONF, suggest
from kexue_pipe.graph.sources import ROOT

FOLDER = CONF / "claim"
POSTS = (ROOT / "kexue_pipe/page/posts.yaml", ROOT / "kexue_pipe/claim/cited.yaml")
RATE = "optimizer.lr"
SCOPE = "small models on this data, not large language models"
SEEDS = 3  # wanted by a claim that says nothing else
Claim = dict[str, Any]


@cache
def ledger() -> dict[str, Claim]:
    """Read every claim, with its family: the claims of one source."""
    claims = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.yaml"))}
    tried = [claim["family"] for claim in claims.values() if "missing" not in claim]
    return {
        name: claim | {"sisters": tried.count(claim["family"])} for name, claim in claims.items()
    }


def _read(path: Path) -> Claim:
    claim = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    number, paper = claim.get("post"), claim.get("paper")
    parts = [f"{_posts()[number]} (kexue.fm {number})"] if number else []
    return {
        "scope": SCOPE,
        "seeds": SEEDS,
        "reason": claim.get("missing", ""),
        "family": str(number or paper),
        **claim,
        "source": "; ".join([*parts, *([paper] if paper else [])]),
    }


@cache
def _posts() -> dict[int, str]:
    rows = [row for path in POSTS for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
    return {row["number"]: ", ".join(filter(None, map(row.get, ("title", "date")))) for row in rows}


def chosen(names: list[str] | str) -> dict[str, Claim]:
    """Give the claims of some names, or `all`."""
    every = ledger()
    if names == "all":
        return every
    for name in names:
        if name not in every:
            hint = f"{suggest(name, [*every])} (conf/claim/ holds all)"
            raise Refused(f"claim={name}: there is no such claim; {hint}")
    return {name: every[name] for name in names}


def resolved(claim: Claim, extra: list[str], rates: list[float]) -> Claim:
    """Give a claim with canonical names, and its runs at other learning rates if it trains two."""
    from kexue_pipe.graph.names import stage_name

    if claim["reason"] or "study" in claim:
        return claim
    names: dict[str, str] = {}
    try:
        for leaf in _leaves(claim):
            names[leaf["variant"]] = _name(leaf, extra)
        trained = {name: stage_name(name, "train") for name in names.values()}
        two = len(set(trained.values())) > 1
        read = {part for leaf in _leaves(claim) for part in _extensions(leaf)}
        moved = {name: _moved(name, rates, read) for name in (trained if two else ())}
    except Refused as error:
        return claim | {"reason": str(error)}
    sides = {side: _renamed(claim[side], names) for side in ("left", "right")}
    return claim | sides | {"rates": moved}


def _name(leaf: Claim, extra: list[str]) -> str:
    """Give the canonical name of what a leaf measures; refuse what it cannot be measured under."""
    from kexue_pipe.graph.check import longest_context

    overrides = (*split_name(leaf["variant"]), *extra)
    found = _variant(overrides)
    for extension in _extensions(leaf):
        if extension not in found.nodes["extension"] and extension != "none":
            _variant((*overrides, f"extension={extension}"))  # refused with the reason
    factor = longest_context(found.nodes) / found.nodes["task"]["train_length"]
    if leaf.get("length", 0) > factor:
        raise Refused(f"{found.name} is tested up to {factor:g} training lengths only")
    return found.name


@cache
def _variant(overrides: tuple[str, ...]) -> Any:
    from kexue_pipe.graph.names import variant

    return variant([*overrides])


def _moved(name: str, rates: list[float], read: set[str]) -> list[str]:
    """Name a variant at other learning rates, measured under the extensions that are read only."""
    from kexue_pipe.graph.request import format_value

    task, *parts = split_name(name)
    nodes = _variant((task, *parts)).nodes
    kept = [part for part in parts if part.split("=")[0] not in (RATE, "extension")]
    under = [extension for extension in nodes["extension"] if extension in read | {"none"}]
    if len(under) < len(nodes["extension"]):  # there are many, and most of an evaluation is theirs
        kept.append(f"extension={format_value(under)}")
    moved = [format_value(factor * nodes["optimizer"]["lr"]) for factor in rates]
    return [join_name([task, *sorted([*kept, f"{RATE}={rate}"])]) for rate in moved]


def _extensions(leaf: Claim) -> list[str]:
    """List the extensions under which a leaf is measured."""
    return leaf.get("extension", "none").split("+")


def _leaves(claim: Claim) -> Iterator[Claim]:
    """Yield the measurements of both sides, with the words that they share."""
    todo = [claim["left"], claim["right"]]
    while todo:
        side = todo.pop()
        if isinstance(side, list):
            todo += side
        elif isinstance(side, dict) and "over" in side:
            ((key, values),) = side["over"].items()
            todo += [{k: v for k, v in side.items() if k != "over"} | {key: v} for v in values]
        elif isinstance(side, dict):
            yield claim["measure"] | side


def _renamed(side: Any, names: dict[str, str]) -> Any:
    if isinstance(side, list):
        return [_renamed(part, names) for part in side]
    if isinstance(side, dict):
        return {key: _renamed(value, names) for key, value in side.items()}
    return names.get(side, side) if isinstance(side, str) else side


def wanted(claims: dict[str, Claim]) -> dict[str, int]:
    """Give the seeds that resolved claims want of each variant; one at another learning rate."""
    seeds: dict[str, int] = {}
    for claim in claims.values():
        if claim["reason"] or "study" in claim:
            continue
        for leaf in _leaves(claim):
            seeds[leaf["variant"]] = max(claim["seeds"], seeds.get(leaf["variant"], 0))
        for name in (name for others in claim["rates"].values() for name in others):
            seeds.setdefault(name, 1)
    return dict(sorted(seeds.items()))
