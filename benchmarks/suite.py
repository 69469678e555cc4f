"""Efficiency of a finished suite: pure compute, process overhead and report, from its records.

    python benchmarks/suite.py [default]

Compute is what the timing table holds for training and evaluation, a job what Snakemake's benchmark
files hold; both are seconds of the clock. Their ratio is no wall time of the suite: it says what
starting and writing cost.
"""

import sys
from pathlib import Path

import polars as pl

GOALS = {"report, s": 10.0, "page, MB": 5.0}


def main() -> None:
    """Print one table."""
    suite = sys.argv[1] if len(sys.argv) > 1 else "default"
    table = Path(f"results/tables/{suite}/timing.parquet")
    if not table.is_file():
        print(f"{table} does not exist: run `snakemake -j8 --config suite={suite}` first")
        return
    timing = pl.read_parquet(table)
    jobs = compute = counted = 0
    parts = timing.group_by("stage", "variant").agg(pl.col("seconds").sum()).rows()
    for stage, name, spent in parts:
        file = Path(f"results/benchmarks/{stage}/{name}.tsv")
        job = pl.read_csv(file, separator="\t")["s"].item() if file.is_file() else 0.0
        if job >= spent:  # a job that found seeds in the store took less than they once did
            jobs, compute, counted = jobs + job, compute + spent, counted + 1
    report = pl.read_csv(f"results/benchmarks/report/{suite}.tsv", separator="\t")["s"].item()
    found = {
        "report, s": report,
        "page, MB": Path(f"results/report/{suite}.html").stat().st_size / 1e6,
    }
    for name, value in found.items():
        verdict = "met" if value <= GOALS[name] else "not met"
        print(f"{name:16} {value:7.2f} (goal: {GOALS[name]}, {verdict})")
    ratio = f"{jobs / compute:.2f}" if compute else "-"
    print(
        f"jobs / compute   {ratio:>7} over {counted} of {len(parts)} jobs that found no seed done"
    )


if __name__ == "__main__":
    main()
