"""A suite from nothing on two cores: wall time against its pure compute, and what the page costs.

    python benchmarks/suite.py [default]

Snakemake makes the suite with two jobs at a time in an empty folder. `compute` is what the timing
table holds for training and evaluation, in seconds of the clock; spread over the two jobs it is the
least that the suite could take, and `wall / least` says what starting, waiting, collecting and the
report cost.
"""

import argparse
import tempfile
from pathlib import Path

import graph
import polars as pl

JOBS = 2
GOALS = {"wall / least": 1.15, "report, s": 10.0, "page, MB": 5.0}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", nargs="?", default="default")
    suite = parser.parse_args().suite
    with tempfile.TemporaryDirectory() as folder:
        cost = graph.snakemake(folder, suite, jobs=JOBS)
        results = Path(folder, "results")
        timing = pl.read_parquet(results / f"tables/{suite}/timing.parquet")
        compute = timing["seconds"].sum()
        report = pl.read_csv(results / f"benchmarks/report/{suite}.tsv", separator="\t")
        found = {
            "compute, min": compute / 60,
            "wall, min": cost.wall / 60,
            "wall / least": cost.wall * JOBS / compute,
            "report, s": report["s"].item(),
            "page, MB": (results / f"report/{suite}.html").stat().st_size / 1e6,
        }
    for name, value in found.items():
        goal = GOALS.get(name)
        verdict = goal and f"goal: {goal}, {'met' if value <= goal else 'not met'}"
        print(f"{name:14} {value:7.2f}  {verdict or ''}".rstrip())


if __name__ == "__main__":
    main()
