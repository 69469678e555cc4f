"""Plans: what each job is to do, as a file that is the job's input.

A plan holds the configuration nodes that its stage reads and one digest over (a) these nodes,
(b) the parsed source of the stage and of every component in them, (c) the user's data files,
(d) the versions of the packages that the stage's numbers depend on. Every output carries the digest
that it was made from; `outputs.py` compares the two.
"""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from typing import Any

from kexue_pipe.core.data_hash import data_hash
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import TEST_TIME
from kexue_pipe.graph.sources import digests

PACKAGES = {
    "train": ["torch", "numpy"],
    "evaluate": ["torch", "numpy", "polars"],
    "collect": ["polars"],
    "claims": ["polars", "numpy", "scipy"],
    "report": ["polars", "altair", "vl-convert-python", "scipy"],
}


def component(node: Any) -> Any:
    """Strip a node of its metadata and of what only evaluation reads."""
    if isinstance(node, dict):
        kept = {k: v for k, v in node.items() if k[0] != "_" or k in ("_target_", "_partial_")}
        return {k: component(v) for k, v in kept.items() if k != "evaluate"}
    return node


def targets(node: Any) -> set[str]:
    """Collect the modules of every `_target_` in a node."""
    if isinstance(node, dict):
        own = {node["_target_"].rpartition(".")[0]} if "_target_" in node else set()
        return own.union(*(targets(child) for child in node.values()))
    return set()


def train_plan(
    name: str, variant: dict[str, Any], seeds: int, parent: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Give the plan of training a variant; the number of seeds is not part of what it means.

    `parent` is the plan of the training that it starts from, whose digest is part of its own.
    """
    nodes = variant["nodes"]
    groups = [g for g in nodes["model"].get("_uses_", []) if g not in TEST_TIME]
    read = {group: component(nodes[group]) for group in ["task", "model", "optimizer", *groups]}
    if parent:
        read["parent"] = {key: parent[key] for key in ("digest", "nodes")}
    return _plan("train", read, _user_files(nodes)) | {"variant": name, "seeds": seeds}


def evaluate_plan(name: str, variant: dict[str, Any], train: dict[str, Any]) -> dict[str, Any]:
    """Give the plan of evaluating a variant: what was trained, and the evaluate nodes."""
    nodes = variant["nodes"]
    read = {
        "settings": component(nodes["task"].get("evaluate", {})),
        "protocol": component(nodes["model"]["evaluate"]),
        "tools": {g: component(nodes[g]) for g in TEST_TIME if g in nodes["model"]["_uses_"]},
    }
    plan = _plan("evaluate", read, {"train": train["digest"], "seeds": train["seeds"]})
    return plan | {
        "variant": name,
        "train_nodes": train["nodes"],
        "chosen": variant["chosen"],
        "used": [*train["nodes"], *nodes["task"].get("_uses_", []), *read["tools"], "size"],
    }


def collect_plan(
    suite: str, seeds: int, variants: dict[str, Any], digests_of: dict[str, str]
) -> dict[str, Any]:
    """Give the plan of collecting a suite: evaluations with training and seeds, their digests."""
    return _plan("collect", {"suite": suite, "seeds": seeds, "variants": variants}, digests_of)


def claims_plan(suite: str, claims: dict[str, Any], inputs: dict[str, str]) -> dict[str, Any]:
    """Give the plan of judging the claims on the tables of a suite."""
    return _plan("claims", {"suite": suite, "claims": claims}, inputs)


def report_plan(
    suite: str,
    charts: dict[str, Any],
    metrics: dict[str, Any],
    inputs: dict[str, str],
    language: str,
) -> dict[str, Any]:
    """Give the plan of a suite's report: charts, and what the metrics say of themselves."""
    nodes = {"chart": charts, "metric": metrics, "language": language}
    return _plan("report", nodes, inputs) | {"suite": suite}


def _plan(stage: str, nodes: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    parts = {
        "nodes": nodes,
        "inputs": inputs,
        "sources": digests(targets(nodes) | {f"kexue_pipe.{stage}"}),
        "versions": _versions(stage),
    }
    return {"stage": stage, "digest": digest_of(parts), **parts}


@cache
def _versions(stage: str) -> dict[str, str]:
    return {name: version(name) for name in PACKAGES[stage]}


def digest_of(parts: Any) -> str:
    """Digest plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _user_files(nodes: dict[str, Any]) -> dict[str, str]:
    """Hash the user's own files that a task names in the keys of `_files_`."""
    task = nodes["task"]
    paths = [task[key] for key in task.get("_files_", []) if task.get(key)]
    return {path: _hash_data(path) for path in paths}


@cache
def _hash_data(path: str) -> str:
    try:
        return data_hash(path)
    except OSError as error:
        raise Refused(f"task.path={path} cannot be read: {error.strerror}") from error
