"""`dry_run=true`: what would run, why, and how long such jobs took before.

    seconds = median over past seeds of the same task and size of (seconds / work) x work x seeds
    work of a training = steps x batch size; of an evaluation 1

Past seconds are CPU-seconds of the `timing` tables; the rest have Snakemake's benchmarks.
Seeds that stand in the store already cost nothing.
"""

import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from rich.table import Table

from kexue_pipe.command.results import STORE, console
from kexue_pipe.command.why import PLANNED, job_of, reasons, told
from kexue_pipe.core.spelling import split_name
from kexue_pipe.graph import outputs, workflow

RULES = ("collect", "claims", "report")  # one process per suite, without a timing table
Key = tuple[str, ...]


def forecast(command: list[str], settings: dict[str, Any]) -> int:
    """Print the jobs that a Snakemake command would run; nothing is run."""
    listing = subprocess.run([*command, "--summary"], capture_output=True, text=True)
    if listing.returncode:
        print(listing.stderr, end="")
        return listing.returncode
    jobs = pending(listing.stdout)
    if not jobs:
        print("Nothing to be done.")
        return 0
    asked = {"suite": "default", "seeds": None, "report.language": "en"} | settings
    workflow.configure(asked["suite"], asked["seeds"], "auto", asked["report.language"])
    past = timings()
    table = Table("runs", "of", "min", "why", title="what would run")
    table.columns[1].no_wrap = True
    seconds = {job: expected(*job, past) for job in jobs}
    for job in jobs:
        why = told(reasons(*job)) or "what it reads is made again"
        table.add_row(*job, minutes(seconds[job]), why)
    console().print(table)
    known = [value for value in seconds.values() if value is not None]
    unknown = len(jobs) - len(known)
    more = f", and {unknown} of which nothing alike ran before" if unknown else ""
    print(f"{len(jobs)} jobs, about {minutes(sum(known))} minutes of one core{more}")
    return 0


def pending(summary: str) -> list[tuple[str, str]]:
    """Read the jobs that would run from Snakemake's summary of files, first things first."""
    rows = [line.split("\t") for line in summary.splitlines()]
    paths = [Path(row[0]) for row in rows if row[-1] == "update pending"]
    jobs = dict.fromkeys(job_of(str(path), path.parts[1:]) for path in reversed(paths))
    return sorted(jobs, key=lambda job: list(PLANNED).index(job[0]))


def timings() -> dict[Key, list[float]]:
    """Give past seconds per seed and unit of work, by (stage, task, size), and by rule."""
    past: dict[Key, list[float]] = defaultdict(list)
    for stage in ("train", "evaluate"):
        for path in sorted(Path("results", stage).glob("*/timing.parquet")):
            name = path.parent.name
            try:
                digest = outputs.table_digest(path)
                each = pl.read_parquet(path, columns=["cpu_seconds"], glob=False).to_series()
            except (pl.exceptions.PolarsError, *outputs.DAMAGE):
                continue  # what is damaged is made again
            plan = outputs.made_plan(stage, name, digest)
            if plan:
                past[alike(stage, name)] += [seconds / work(plan) for seconds in each]
    for rule in RULES:
        for path in sorted(Path("results/benchmarks", rule).glob("*.tsv")):
            past[(rule,)] += pl.read_csv(path, separator="\t")["s"].to_list()
    return past


def alike(stage: str, name: str) -> Key:
    """Name the jobs that take as long as one of this variant: same task, same size."""
    words = dict(part.split("=", 1) for part in split_name(name))
    return stage, words["task"], words.get("size", "small")


def work(plan: dict[str, Any]) -> float:
    """Give the samples that a training reads; an evaluation is one unit."""
    if plan["stage"] != "train":
        return 1.0
    settings = plan["nodes"]["task"]["train"]
    return float(settings["steps"] * settings["batch_size"])


def expected(stage: str, name: str, past: dict[Key, list[float]]) -> float | None:
    """Give the seconds that a job will take; None where nothing alike ran before."""
    if stage in RULES:
        return median(past[stage,]) if past[stage,] else None
    plan, _ = PLANNED[stage](name)
    if stage == "train":
        records = (STORE / plan["digest"] / f"seed-{s}.json" for s in range(plan["seeds"]))
        seeds = sum(not record.is_file() for record in records)
    else:
        seeds = plan["inputs"]["seeds"]
    each = past[alike(stage, name)]
    return median(each) * work(plan) * seeds if each else None


def minutes(seconds: float | None) -> str:
    """Write seconds in minutes."""
    return "?" if seconds is None else f"{seconds / 60:.2f}"
