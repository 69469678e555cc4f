"""Cost of one override where all else is finished: its own compute, and the rest.

    python benchmarks/override.py

A copy of this checkout, with two variants at size=smoke as its default suite, runs that suite and
then `kexue-pipe size=smoke position=rope ...`. `cpu` is all that the command and its jobs took of
the processor, `wall` the clock's time; `own` is what the timing table holds for the training and
evaluation that ran, `rest` the difference: composing, Snakemake, imports, tables and the report.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import graph
import polars as pl

COPIED = ("conf", "workflow", "profiles", "kexue_pipe")
GOAL = 5.0  # seconds beside its own compute
SUITE = "seeds: 1\nsweeps: ['size=smoke task=text position=rope,alibi']\n"
RUNS = {  # what is overridden, and the stages that run
    "nothing": ("", ()),
    "an evaluation": ("size.evaluate.documents=3", ("evaluate",)),
    "a training": ("position.base=500", ("train", "evaluate")),
    "again": ("position.base=500", ()),
}


def main() -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = folder  # of all that is started here
        for name in COPIED:
            shutil.copytree(graph.ROOT / name, f"{folder}/{name}")
        shutil.copy(graph.ROOT / "Snakefile", folder)
        Path(folder, "conf/suite/default.yaml").write_text(SUITE)
        graph.run(folder, [str(Path(sys.executable).with_name("snakemake")), "-j2"])
        print(f"{'override of':14} {'wall s':>8} {'cpu s':>8} {'own':>8} {'rest':>8}")
        for what, (override, stages) in RUNS.items():
            words = ["size=smoke", "seeds=1", "position=rope", *override.split()]
            cost = graph.run(folder, [sys.executable, "-m", "kexue_pipe", *words])
            page = max(Path(folder, "results/report").glob("task=*.html"), key=os.path.getmtime)
            timing = pl.read_parquet(f"{folder}/results/tables/{page.stem}/timing.parquet")
            own = float(timing.filter(pl.col("stage").is_in(stages))["cpu_seconds"].sum())
            rest = cost.cpu - own
            verdict = f"goal {GOAL:.0f} s: {'met' if rest <= GOAL else 'not met'}"
            row = f"{what:14} {cost.wall:8.1f} {cost.cpu:8.1f} {own:8.1f} {rest:8.1f}"
            print(f"{row}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
