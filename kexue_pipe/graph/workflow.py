"""What Snakemake asks: the plan of a job, the files of a suite, the lock of a run.

The functions that take `wildcards` are Snakemake input functions. Each answer is computed once per
process.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any

from kexue_pipe.core.files import drop_leftovers, writing
from kexue_pipe.graph import ledger, outputs, plans
from kexue_pipe.graph.compositions import (
    evaluated_names,
    expansion,
    load_suite,
    metrics,
    trainings,
    variant,
)
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.sources import ROOT

EVALUATED = (
    "variants", "runs", "extrapolation", "levels", "attention", "codes", "reconstruction",
    "latents", "timing",
)  # fmt: skip
TRAINED = ("training", "timing")
COLLECTED = ("variants", "runs", "training", *EVALUATED[2:])
JUDGED = ("claims", "claim_values")

Planned = tuple[dict[str, Any], outputs.Outputs]  # what a job is to do, and what it writes
# what the command line asks: a suite, and seeds for all of its variants, or null for its own number
_run: dict[str, Any] = {"suite": "default", "seeds": None, "language": "en"}
_locks: list[IO[str]] = []  # an open lock is held until the process ends, however it ends


def configure(suite: str, seeds: int | None, device: str, language: str = "en") -> None:
    """Set what this run asks of every variant, and the environment of its jobs."""
    load_suite(suite)  # refuses one that does not exist
    _run.update(suite=suite, seeds=seeds, language=language)
    os.environ |= {
        # the Python that runs Snakemake runs the jobs: `.venv/bin/snakemake` needs no activation
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "KEXUE_PIPE_SNAKEMAKE_PID": str(os.getpid()),
        "KEXUE_PIPE_DEVICE": device,  # in the environment, because it stands in no digest
        "POLARS_MAX_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def lock() -> None:
    """Take the lock of `results/`; the kernel drops it when this process ends in any way."""
    with writing("results/.lock"):
        file = open("results/.lock", "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(
            "another run is writing to results/; wait for it to end, or stop it, and start again"
        ) from None
    _locks.append(file)
    drop_leftovers("results")


@cache
def _asked(name: str) -> int:
    """Give the seeds that this run asks of a variant, or of what starts from it."""
    suite, asked = load_suite(_run["suite"]), _run["seeds"]
    if not suite.claims:
        return asked or suite.seeds
    seeds = expansion(suite.name)["seeds"].items()
    own = max((n for v, n in seeds if name in (v, *trainings(v))), default=suite.seeds)
    return 1 if own == 1 else max(own, asked or 0)  # other learning rates are tried with one seed


@cache
def train_plan_of(name: str) -> Planned:
    """Plan the training of a variant."""
    if variant(name)["names"]["train"] != name:
        raise Refused(
            f"{name} trains nothing of its own; ask for {variant(name)['names']['train']}"
        )
    parent, seeds = variant(name)["parent"], _seeds(name)
    plan = plans.train_plan(name, variant(name), seeds, parent and train_plan_of(parent)[0])
    return plan, outputs.train_outputs(_manifest(name).parent, seeds)


def _manifest(name: str) -> Path:
    return Path(f"results/train/{variant(name)['names']['train']}/checkpoints.json")


def _seeds(name: str) -> int:
    """Count the seeds of a training: those asked for, and those it has, if its parent has them."""
    parent = variant(name)["parent"]
    have = outputs.finished_seeds(_manifest(name))
    return max(_asked(name), min(have, _seeds(parent)) if parent else have)


@cache
def evaluate_plan_of(name: str) -> Planned:
    """Plan the evaluation of a variant."""
    train, _ = train_plan_of(variant(name)["names"]["train"])
    plan = plans.evaluate_plan(name, variant(name), train)
    return plan, outputs.tables(f"results/evaluate/{name}", EVALUATED)


@cache
def collect_plan_of(suite: str) -> Planned:
    """Plan the collection of a suite."""
    names = evaluated_names(suite)
    asked = {
        name: {"trained": variant(name)["names"]["train"], "seeds": _asked(name)} for name in names
    }
    made_from = {name: evaluate_plan_of(name)[0]["digest"] for name in names}
    seeds = _run["seeds"] or load_suite(_run["suite"]).seeds
    plan = plans.collect_plan(suite, seeds, asked, made_from)
    return plan, outputs.tables(f"results/tables/{suite}", COLLECTED)


@cache
def claims_plan_of(suite: str) -> Planned:
    """Plan the verdicts of a suite: on its own claims, or on all whose runs it happens to hold."""
    claims = expansion(suite)["claims"] or ledger.ledger()
    plan = plans.claims_plan(suite, claims, {"collect": collect_plan_of(suite)[0]["digest"]})
    return plan, outputs.tables(f"results/tables/{suite}", JUDGED)


@cache
def report_plan_of(suite: str) -> Planned:
    """Plan the report of a suite."""
    inputs = {"claims": claims_plan_of(suite)[0]["digest"]}
    charts = variant(expansion(suite)["variants"][0])["nodes"]["chart"]
    plan = plans.report_plan(suite, charts, metrics(), inputs, _run["language"]) | {
        "git": _commit(),
        "variants": evaluated_names(suite),
        "skipped": expansion(suite)["skipped"],
        "beside": _beside(suite),
        "aside": [name for name, seeds in expansion(suite)["seeds"].items() if seeds == 1],
    }
    return plan, outputs.page(f"results/report/{suite}.html")


@cache
def _commit() -> str:
    """Give the commit of this checkout, marked where files differ from it; empty outside git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()


def _written(plan_of: Callable[[str], Planned]) -> Callable[[str], str]:
    """Make a function that writes a plan and gives its path."""

    @cache
    def path(name: str) -> str:
        plan, made = plan_of(name)
        return str(outputs.write_plan(plan, name, made))

    return path


def _parents(plan_of: Callable[[str], Planned]) -> Callable[[str], list[str]]:
    """Make a function that lists the manifests of the trainings that a variant starts from.

    They are made before a job that must run, and are no reason to run it: its plan holds their
    digests. Snakemake hides what is stale behind a job whose output is `ancient`, so that only the
    manifests of a job that is up to date are.
    """

    def manifests(name: str) -> list[str]:
        from snakemake.io import ancient

        paths = [str(_manifest(training)) for training in trainings(name)[:-1]]
        return paths if paths and outputs.stale(*plan_of(name)) else [ancient(p) for p in paths]

    return manifests


def _input_function(answer: Callable[[str], Any], wildcard: str) -> Callable[[Any], Any]:
    """Make a Snakemake input function; a refusal ends Snakemake with its one sentence."""

    def function(wildcards: Any) -> Any:
        try:
            return answer(wildcards[wildcard])
        except (Refused, OSError) as error:
            raise SystemExit(f"error: {error}") from None

    return function


def _collected_from(suite: str) -> list[str]:
    """List one table per training and evaluation: the other ones come with it."""
    names = evaluated_names(suite)
    trained = sorted({variant(name)["names"]["train"] for name in names})
    return [f"results/train/{name}/training.parquet" for name in trained] + [
        f"results/evaluate/{name}/{EVALUATED[-1]}.parquet" for name in names
    ]


def _beside(suite: str) -> str | None:
    """Give the tables of the baseline suite if it is finished: they are read and never made.

    They are no input of the rule, or an override would bring the whole baseline up to date; those
    of an earlier version, with other columns, are as good as none.
    """
    baseline = load_suite(suite).beside
    if baseline is None:
        return None
    from kexue_pipe.core.tables import is_table

    folder = Path("results/tables", baseline)
    finished = all(is_table(kind, folder / f"{kind}.parquet") for kind in COLLECTED)
    return str(folder) if finished else None


train_plan = _input_function(_written(train_plan_of), "variant")
evaluate_plan = _input_function(_written(evaluate_plan_of), "variant")
collect_plan = _input_function(_written(collect_plan_of), "suite")
claims_plan = _input_function(_written(claims_plan_of), "suite")
report_plan = _input_function(_written(report_plan_of), "suite")
checkpoints = _input_function(lambda name: str(_manifest(name)), "variant")
train_parents = _input_function(_parents(train_plan_of), "variant")
evaluate_parents = _input_function(_parents(evaluate_plan_of), "variant")
collected_from = _input_function(_collected_from, "suite")
