"""Seconds and memory of a dry run and of a no-op, at the default suite and at synthetic ones.

    python benchmarks/graph.py [--sizes 1000 10000]

Everything happens in an empty folder. `cold` is the first dry run, which composes all variants;
`dry run` is the second, with a warm cache; then all outputs are written, empty and with the digests
of their plans, and `no-op` is a run that finds nothing to do. A synthetic suite is one sweep over
`position.base`. Seconds are of the clock (`cpu` of the processor, of the same run); memory is the
largest resident size.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
GOALS = {"default": 2.0, 1000: 4.0, 10000: 20.0}  # seconds of a no-op and of a dry run
FINISH = """
import json
import sys
from pathlib import Path
import polars as pl
from kexue_pipe.core.tables import TABLES, write_table
from kexue_pipe.graph import compositions, workflow
suite = sys.argv[1]
workflow.configure(suite, None, "cpu")
names = compositions.evaluated_names(suite)
trained = sorted({compositions.variant(name)["names"]["train"] for name in names})
planned = [workflow.train_plan_of(name) for name in trained]
planned += [workflow.evaluate_plan_of(name) for name in names]
planned += [workflow.collect_plan_of(suite), workflow.claims_plan_of(suite)]
planned += [workflow.report_plan_of(suite)]
checkpoint = Path("results/store/empty")
checkpoint.parent.mkdir(parents=True, exist_ok=True)
checkpoint.touch()
for plan, outputs in planned:
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            empty = pl.DataFrame(schema=TABLES[path.stem].schema)
            write_table(path.stem, empty, path, plan["digest"])
        elif path.suffix == ".json":
            seeds = [{"file": str(checkpoint)}] * plan["seeds"]
            path.write_text(json.dumps({"digest": plan["digest"], "seeds": seeds}))
        else:
            path.write_text(f'<meta name="kexue-pipe-digest" content="{plan["digest"]}">')
"""


def snakemake(folder: str, suite: str, *flags: str) -> tuple[float, float, float, str]:
    """Run Snakemake; give seconds, seconds of the processor, GiB and what it printed."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", ROOT / "Snakefile"]
    command += ["--workflow-profile", ROOT / "profiles/default", "--directory", folder, "-c1"]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as text:
        process = subprocess.Popen(
            [*command, *flags, "--config", f"suite={suite}"], cwd=folder, stdout=text, stderr=text
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        text.seek(0)
        printed = text.read()
    if status:
        raise RuntimeError(printed[-2000:])
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20, printed


def show(name: str | int, what: str, found: tuple[float, float, float, str]) -> None:
    """Print one row."""
    seconds, cpu, memory, _ = found
    goal = "" if what == "cold" else f"goal {GOALS[name]:.0f} s"
    verdict = "" if what == "cold" else "met" if seconds <= GOALS[name] else "not met"
    row = f"{name!s:>8} {what:8} {seconds:8.1f} {cpu:8.1f} {memory:6.2f}  {goal} {verdict}"
    print(row.rstrip(), flush=True)


def measure(name: str | int) -> None:
    """Print the rows of one suite."""
    with tempfile.TemporaryDirectory() as folder:
        suite = str(name)
        if isinstance(name, int):
            suite = f"synthetic-{name}"
            bases = ",".join(f"{1000 + i}.0" for i in range(name))
            lines = [f"task=text position=rope position.base={bases}"]
            path = Path(folder, "results/suites", f"{suite}.yaml")
            path.parent.mkdir(parents=True)
            path.write_text(yaml.safe_dump({"sweeps": lines}))
        Path(folder, "results").mkdir(exist_ok=True)
        show(name, "cold", snakemake(folder, suite, "--dry-run", "--quiet"))
        show(name, "dry run", snakemake(folder, suite, "--dry-run", "--quiet"))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", FINISH, suite]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        snakemake(folder, suite)
        found = snakemake(folder, suite)
        assert "Nothing to be done" in found[3], found[3][-500:]
        show(name, "no-op", found)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10000], choices=GOALS)
    print(f"{'suite':>8} {'':8} {'seconds':>8} {'cpu':>8} {'GiB':>6}")
    for name in ("default", *parser.parse_args().sizes):
        measure(name)


if __name__ == "__main__":
    main()
