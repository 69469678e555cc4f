"""What variants are and which stand in a suite: compositions, kept in a file beside the results.

Each answer is computed once per process, and again only after an edit of `conf/` or of this folder.
"""

import atexit
import hashlib
import json
from functools import cache
from typing import Any

from kexue_pipe.graph import suites
from kexue_pipe.graph.cache import Cache
from kexue_pipe.graph.options import CONF
from kexue_pipe.graph.sources import ROOT, kept

load_suite = cache(suites.load_suite)


@cache
def _cache() -> Cache:
    """Give the compositions that are known for these yaml files, and the code that reads them."""
    digest = hashlib.sha256()
    for path in [*sorted(CONF.rglob("*.yaml")), *sorted((ROOT / "kexue_pipe/graph").glob("*.py"))]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    cache = Cache("results/.cache/compositions.json", digest.hexdigest())
    atexit.register(cache.save)
    atexit.register(kept().save)
    return cache


@cache
def variant(name: str) -> dict[str, Any]:
    """Give the options and nodes of a variant, its name in each stage, and its parent."""

    def compute() -> dict[str, Any]:
        from kexue_pipe.graph.names import stage_name, variant_of_name

        found = variant_of_name(name)
        names = {stage: stage_name(name, stage) for stage in ("train", "evaluate")}
        shared = {group: _share(node) for group, node in found.nodes.items()}
        return {"chosen": found.chosen, "nodes": shared, "parent": found.parent, "names": names}

    found = _cache().get(f"variant {name}", compute)
    return found | {
        "nodes": {group: _cache().entries[key] for group, key in found["nodes"].items()}
    }


def _share(node: Any) -> str:
    """Keep a node once for all variants that have it; give its key."""
    key = f"node {hashlib.sha256(json.dumps(node).encode()).hexdigest()}"
    _cache().get(key, lambda: node)
    return key


@cache
def expansion(suite: str) -> dict[str, Any]:
    """Give the variants of a suite and the combinations that it skips."""
    found = load_suite(suite)
    key = json.dumps([found.sweeps, found.claims, found.elsewhere, found.rates, found.overrides])
    return _cache().get(f"suite {key}", lambda: suites.expansion(found).plain())


def trainings(name: str) -> list[str]:
    """List the trainings that a variant stands on: that of its parent first, its own last."""
    parent = variant(name)["parent"]
    return [*(trainings(parent) if parent else []), variant(name)["names"]["train"]]


def evaluated_names(suite: str) -> list[str]:
    """List the evaluations of a suite: variants that differ in charts alone are one."""
    names = [variant(name)["names"]["evaluate"] for name in expansion(suite)["variants"]]
    return sorted(set(names))


@cache
def metrics() -> dict[str, Any]:
    """Give every metric with its metadata, which a report reads."""

    def compute() -> dict[str, Any]:
        from kexue_pipe.graph.compose import base

        return base({}).nodes["metric"]

    return _cache().get("metrics", compute)


def keep(suite: str) -> None:
    """Compose a suite and what it trains, for the process that is to run it."""
    for name in evaluated_names(suite):
        trainings(name)
    metrics()
    _cache().save()
