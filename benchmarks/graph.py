"""Seconds and memory of a dry run and of a no-op, at the default suite and at synthetic ones.

    python benchmarks/graph.py [--sizes 1000 10000]

Everything happens in an empty folder. `cold` is the first dry run, which composes all variants;
`dry run` is the second, with a warm cache; then all outputs are written, empty and with the digests
of their plans, and `no-op` is a run that finds nothing to do. A synthetic suite is one sweep over
`position.base`. `wall` is of the clock. `cpu` is of the processor, which is what an idle machine
takes for this one process, and what the goals are held against. Memory is the largest resident
size.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from kexue_pipe.core.tables import TABLES, write_table
from kexue_pipe.graph import compositions, workflow

ROOT = Path(__file__).resolve().parents[1]
GOALS = {"default": 2.0, 1000: 4.0, 10000: 20.0}  # seconds of a no-op and of a dry run
TABLE, CHECKPOINT = "results/empty.parquet", "results/empty.safetensors"
DRY = ("--dry-run", "--quiet")
UNKNOWN = b"0" * 24  # stands in a table for the digest of the plan that it is made from


class Cost(NamedTuple):
    """What a command took."""

    wall: float  # seconds of the clock
    cpu: float  # seconds of the processor, with all processes that it waited for
    memory: float  # largest resident size of one process, GiB
    printed: str


def finish(suite: str) -> None:
    """Write all that a suite makes, empty and with the digests of its plans."""
    workflow.configure(suite, None, "cpu")
    names = compositions.evaluated_names(suite)
    trained = sorted({compositions.variant(name)["names"]["train"] for name in names})
    planned = [workflow.train_plan_of(name) for name in trained]
    planned += [workflow.evaluate_plan_of(name) for name in names]
    planned += [workflow.collect_plan_of(suite), workflow.claims_plan_of(suite)]
    planned += [workflow.report_plan_of(suite)]
    save_file({"x": np.zeros(1)}, CHECKPOINT)
    write_table("timing", pl.DataFrame(schema=TABLES["timing"].schema), TABLE, UNKNOWN.decode())
    table = Path(TABLE).read_bytes()
    for plan, outputs in planned:
        for path in outputs:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".parquet":
                path.write_bytes(table.replace(UNKNOWN, plan["digest"].encode()))
            elif path.suffix == ".json":
                path.write_text(json.dumps({"digest": plan["digest"], "seeds": _store(plan)}))
            else:
                path.write_text(f'<meta name="kexue-pipe-digest" content="{plan["digest"]}">')


def _store(plan: dict[str, Any]) -> list[dict[str, str]]:
    """Write the files of the seeds of a training into the store; give the manifest's list."""
    folder = Path("results/store", plan["digest"])
    folder.mkdir(parents=True)
    paths = [folder / f"seed-{seed}.safetensors" for seed in range(plan["seeds"])]
    for path in paths:
        os.link(CHECKPOINT, path)
        os.link(TABLE, path.with_suffix(".parquet"))
        path.with_suffix(".json").write_text("{}")
    return [{"file": str(path)} for path in paths]


def run(folder: str, command: list[str]) -> Cost:
    """Run a command in a folder; give what it and all that it started took, and its output."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as text:
        process = subprocess.Popen(command, cwd=folder, stdout=text, stderr=text)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        text.seek(0)
        printed = text.read()
    if status:
        raise RuntimeError(printed[-2000:])
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20, printed)


def snakemake(folder: str, suite: str, *flags: str, jobs: int = 1) -> Cost:
    """Run Snakemake on the workflow of this checkout, in a folder of its own."""
    command = [str(Path(sys.executable).with_name("snakemake")), f"--snakefile={ROOT}/Snakefile"]
    command += [f"--workflow-profile={ROOT}/profiles/default", f"--directory={folder}", f"-j{jobs}"]
    return run(folder, [*command, *flags, "--config", f"suite={suite}"])


def synthetic(folder: str, variants: int, seeds: int = 3) -> str:
    """Write a suite of some number of variants; give its name."""
    bases = ",".join(f"{1000 + i}.0" for i in range(variants))
    path = Path(folder, f"results/suites/synthetic-{variants}.yaml")
    path.parent.mkdir(parents=True)
    line = f"task=text position=rope position.base={bases}"
    path.write_text(json.dumps({"sweeps": [line], "seeds": seeds}))
    return path.stem


def measure(name: str | int) -> None:
    """Print the rows of one suite."""
    with tempfile.TemporaryDirectory() as folder:
        suite = str(name)
        if isinstance(name, int):
            suite = synthetic(folder, name)
        Path(folder, "results").mkdir(exist_ok=True)
        cold = snakemake(folder, suite, *DRY)
        dry = snakemake(folder, suite, *DRY)
        run(folder, [sys.executable, __file__, "--finish", suite])
        found = snakemake(folder, suite, "--dry-run")  # brings the plans up to date
        assert "Nothing to be done" in found.printed, found.printed[-2000:]
        idle = snakemake(folder, suite)
        variants = len(list(Path(folder, "results/plans/evaluate").iterdir()))
        for what, cost in {"cold": cold, "dry run": dry, "no-op": idle}.items():
            verdict = f"goal {GOALS[name]:.0f} s: {'met' if cost.cpu <= GOALS[name] else 'not met'}"
            if what == "cold":
                verdict = f"{1e3 * (cost.cpu - dry.cpu) / variants:.0f} ms a variant to compose"
            row = f"{name!s:>8} {what:8} {cost.wall:8.1f} {cost.cpu:8.1f} {cost.memory:6.2f}"
            print(f"{row}  {verdict}", flush=True)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000], choices=GOALS)
    parser.add_argument("--finish", metavar="SUITE", help="write the outputs of a suite here")
    arguments = parser.parse_args()
    if arguments.finish:
        return finish(arguments.finish)
    print(f"{'suite':>8} {'':8} {'wall s':>8} {'cpu s':>8} {'GiB':>6}")
    for name in ("default", *arguments.sizes):
        measure(name)


if __name__ == "__main__":
    main()
