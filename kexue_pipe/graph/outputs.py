"""Outputs and their plans: what an output was made from, and whether that is still what is asked.

A plan is made newer than its outputs exactly when their digest is not its own, so that Snakemake's
plain rule "an input is newer" says what is to be rerun, also when Snakemake's own records are lost
in a crash. The plan that the outputs were made from is kept beside it as `made.json`.
"""

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kexue_pipe.core.files import atomic_write, writing
from kexue_pipe.graph.changes import changes

PLANS = Path("results/plans")
DAMAGE = (OSError, ValueError, KeyError, TypeError)  # what reading a broken file raises
Outputs = dict[Path, Callable[[Path], str]]  # how to read the digest inside each output


def plan_path(stage: str, name: str) -> Path:
    """Give the place of a plan: a folder of its own, since Snakemake lists a folder only once."""
    return PLANS / stage / name / "plan.json"


def write_plan(plan: dict[str, Any], name: str, outputs: Outputs) -> Path:
    """Write a plan, newer than its outputs exactly if these were not made from its digest."""
    path = plan_path(plan["stage"], name)
    reason = stale(plan, outputs)
    asked = plan | {"rerun": reason}
    if read_plan(path) != asked:
        _keep_made(path, plan["digest"], outputs)
        atomic_write(path, json.dumps(asked, indent=1, sort_keys=True) + "\n")
    with writing(path):
        if reason:
            os.utime(path)
        else:
            oldest = min(output.stat().st_mtime_ns for output in outputs)
            os.utime(path, ns=(oldest, oldest))
    return path


def stale(plan: dict[str, Any], outputs: Outputs) -> str:
    """Say why an output must be made again, the first reason of all; empty if none must."""
    return next(filter(None, (_stale(plan["digest"], *item) for item in outputs.items())), "")


def why(plan: dict[str, Any], name: str, outputs: Outputs) -> list[str]:
    """Say in words why the outputs of a plan are to be made again; nothing where they are not."""
    made = made_from(outputs)
    if made is None and not any(output.exists() for output in outputs):
        return ["not made yet"]
    if made in (None, plan["digest"]):
        reasons = (_difference(plan["digest"], *item) for item in outputs.items())
        return [reason for reason in reasons if reason][:1]
    old = made_plan(plan["stage"], name, str(made))
    return changes(old, plan) if old else [f"made from {made}, of which no plan is kept"]


def made_from(outputs: Outputs) -> str | None:
    """Give the digest that the outputs bear; None where none of them can be read."""
    for output, read_digest in outputs.items():
        try:
            return read_digest(output)
        except DAMAGE:
            continue
    return None


def made_plan(stage: str, name: str, digest: str) -> dict[str, Any] | None:
    """Give the plan with a digest, if it is kept."""
    path = plan_path(stage, name)
    plans = (read_plan(p) for p in (path, path.with_name("made.json")))
    return next((plan for plan in plans if plan and plan["digest"] == digest), None)


def read_plan(path: Path) -> dict[str, Any] | None:
    """Read a plan; None where there is none, or no whole one."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        return plan if {"stage", "digest", "nodes", "inputs"} <= plan.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _keep_made(path: Path, digest: str, outputs: Outputs) -> None:
    """Keep a plan that is to be overwritten, if the outputs were made from it."""
    old = read_plan(path)
    if old and old["digest"] != digest and old["digest"] == made_from(outputs):
        atomic_write(path.with_name("made.json"), path.read_text(encoding="utf-8"))


def _stale(digest: str, output: Path, read_digest: Callable[[Path], str]) -> str:
    """Say why an output must be made again, each new damage in its own words; empty if not."""
    reason = _difference(digest, output, read_digest)
    return f"{reason} ({output.stat().st_mtime_ns})" if "not whole" in reason else reason


def _difference(digest: str, output: Path, read_digest: Callable[[Path], str]) -> str:
    try:
        found = read_digest(output)
    except FileNotFoundError:
        return f"{output} does not exist"
    except DAMAGE as error:
        return f"{output} is not whole: {error}"
    return "" if found == digest else f"{output} was made from {found}"


def finished_seeds(manifest: Path) -> int:
    """Count the seeds that a manifest holds."""
    try:
        return len(json.loads(manifest.read_text())["seeds"])
    except DAMAGE:
        return 0


def manifest_digest(manifest: Path) -> str | None:
    """Give the training that a manifest names, whatever became of its files."""
    try:
        return str(json.loads(manifest.read_text())["digest"])
    except DAMAGE:
        return None


def train_outputs(folder: Path, seeds: int) -> Outputs:
    """List the outputs of a training: the manifest vouches for the files in the store."""

    def read_manifest(path: Path) -> str:
        manifest = json.loads(path.read_text())
        if len(manifest["seeds"]) < seeds:
            raise ValueError(f"it has {len(manifest['seeds'])} of {seeds} seeds")
        for entry in manifest["seeds"]:
            _read_seed(Path(entry["file"]))
        return manifest["digest"]

    tables = {folder / f"{kind}.parquet": table_digest for kind in ("training", "timing")}
    return {folder / "checkpoints.json": read_manifest, **tables}


def _read_seed(checkpoint: Path) -> None:
    """Open the files of a seed in the store: one that is missing or cut off is an error."""
    from pyarrow import parquet
    from safetensors import SafetensorError, safe_open

    readers: dict[str, Callable[[Path], Any]] = {
        ".safetensors": partial(safe_open, framework="numpy"),
        ".parquet": parquet.read_metadata,
        ".json": lambda path: json.loads(path.read_text()),
    }
    for suffix, read in readers.items():
        path = checkpoint.with_suffix(suffix)
        try:
            read(path)
        except FileNotFoundError:
            raise ValueError(f"{path} is missing") from None
        except (*DAMAGE, SafetensorError):
            raise ValueError(f"{path} is cut off or no such file") from None


def tables(folder: str, kinds: tuple[str, ...]) -> Outputs:
    """List the tables in a folder as outputs."""
    return {Path(folder) / f"{kind}.parquet": table_digest for kind in kinds}


def page(path: str) -> Outputs:
    """Name a report as an output; its digest stands in a meta element in its first lines."""

    def read_page(path: Path) -> str:
        with open(path, encoding="utf-8") as file:
            found = re.search(r'name="kexue-pipe-digest" content="(\w+)"', file.read(4096))
        if found is None:
            raise ValueError("no digest in it")
        return found[1]

    return {Path(path): read_page}


def table_digest(path: Path) -> str:
    """Read the digest inside a parquet table."""
    from pyarrow import parquet

    try:
        return parquet.read_metadata(path).metadata[b"kexue_pipe.digest"].decode()
    except (KeyError, TypeError):
        raise ValueError("no digest in it") from None
