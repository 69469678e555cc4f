"""Collect: the tables of a suite's variants into one sorted parquet file per kind.

    python -m kexue_pipe.collect results/plans/collect/{suite}/plan.json results/tables/{suite}

Of each variant the first `seeds` seeds are taken, so that more finished seeds change nothing.
"""

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from kexue_pipe.core.tables import JUDGED, TABLES, empty, read_table, write_table
from kexue_pipe.graph.worker import load_plan, run, say

SOURCES = {
    **{kind: ["evaluate"] for kind in TABLES if kind not in JUDGED},
    "training": ["train"],
    "timing": ["train", "evaluate"],
}


def collect(kind: str, variants: dict[str, dict[str, Any]], results: Path) -> pl.DataFrame:
    """Stack one kind of table over variants and keep the first seeds of each.

    `variants` maps the name of an evaluation to the name of its training, whose rows take its name,
    and to how many `seeds` are kept.
    """
    frames = [empty(kind)]
    for name, asked in variants.items():
        folders = {"train": asked["trained"], "evaluate": name}
        for stage in SOURCES[kind]:
            frame = read_table(kind, results / stage / folders[stage] / f"{kind}.parquet")
            if "seed" in frame.columns:
                frame = frame.filter(pl.col("seed") < asked["seeds"])
            frames.append(frame.with_columns(pl.lit(name).alias("variant")))
    return pl.concat(frames)


def main() -> None:
    """Write every table of a suite."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    plan = load_plan(arguments.plan)
    nodes: dict[str, Any] = plan["nodes"]
    for kind in SOURCES:
        frame = collect(kind, nodes["variants"], arguments.output.parents[1])
        write_table(kind, frame, arguments.output / f"{kind}.parquet", plan["digest"])
        say(f"collect {nodes['suite']}: {kind}, {len(frame)} rows")


if __name__ == "__main__":
    run(main)
