"""Collect: the tables of a suite's variants into one sorted parquet file per kind.

    python -m kexue_pipe.collect results/plans/collect/{suite}/plan.json results/tables/{suite}

Of each variant the first `seeds` seeds are taken, so that more finished seeds change nothing.
"""

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from kexue_pipe.core.tables import TABLES, empty, read_table, write_table
from kexue_pipe.graph.worker import load_plan, run, say

SOURCES = {
    **{kind: ["evaluate"] for kind in TABLES},
    "training": ["train"],
    "timing": ["train", "evaluate"],
}


def collect(kind: str, variants: dict[str, str], seeds: int, results: Path) -> pl.DataFrame:
    """Stack one kind of table over variants and keep the first seeds.

    `variants` maps the name of an evaluation to that of its training, whose rows take its name.
    """
    frames = [empty(kind)]
    for name, trained in variants.items():
        folders = {"train": results / "train" / trained, "evaluate": results / "evaluate" / name}
        for stage in SOURCES[kind]:
            frame = read_table(kind, folders[stage] / f"{kind}.parquet")
            frames.append(frame.with_columns(pl.lit(name).alias("variant")))
    stacked = pl.concat(frames)
    return stacked.filter(pl.col("seed") < seeds) if "seed" in stacked.columns else stacked


def main() -> None:
    """Write every table of a suite."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    plan = load_plan(arguments.plan)
    nodes: dict[str, Any] = plan["nodes"]
    for kind in TABLES:
        frame = collect(kind, nodes["variants"], nodes["seeds"], arguments.output.parents[1])
        write_table(kind, frame, arguments.output / f"{kind}.parquet", plan["digest"])
        say(f"collect {nodes['suite']}: {kind}, {len(frame)} rows")


if __name__ == "__main__":
    run(main)
