"""Evaluate: all seeds of one variant under all its extensions, from a plan to parquet tables.

    python -m kexue_pipe.evaluate results/plans/evaluate/{variant}/plan.json \
        results/train/{variant}/checkpoints.json results/evaluate/{variant}

Checkpoints are read only; what is measured is decided by the `evaluate` node of the model.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl
import torch
from hydra.utils import instantiate
from torch.utils import flop_counter

from kexue_pipe.core.components import build_model, build_task, load_parent
from kexue_pipe.core.contracts import Model, SequenceTask, Task
from kexue_pipe.core.device import choose_device, machine
from kexue_pipe.core.store import load_weights
from kexue_pipe.core.tables import JUDGED, TABLES, empty, read_table, write_table
from kexue_pipe.graph.worker import load_plan, run, say

KINDS = tuple(kind for kind in TABLES if kind not in ("training", *JUDGED))
LEAK_ERRORS = 4  # standard errors below the optimum at which a loss is no luck


def evaluate_seed(plan: dict[str, Any], model: Model, task: Task) -> dict[str, pl.DataFrame]:
    """Measure one trained model; the tables lack only the columns variant and seed."""
    nodes = plan["nodes"]
    protocol = instantiate(nodes["protocol"], _partial_=True)
    model.eval()
    with torch.no_grad():
        tools = {group: _build(node) for group, node in nodes["tools"].items()}
        return protocol(model=model, task=task, settings=nodes["settings"], **tools)


def _build(node: dict[str, Any]) -> Any:
    """Build a component as a function, or all members of a collection, by name."""
    if "_target_" in node:
        return instantiate(node, _partial_=True)
    return {name: instantiate(member, _partial_=True) for name, member in node.items()}


def run_row(
    entry: dict[str, Any], task: Task, training: pl.DataFrame, sweep: pl.DataFrame | None
) -> pl.DataFrame:
    """Summarise one training run: status, final loss, solved in range, step of the circuit."""
    curve = training.filter(pl.col("seed") == entry["seed"]).sort("step")
    loss = curve.filter(pl.col("quantity") == "loss")["value"]
    solved = circuit = None
    if task.solved_at is not None and task.chance is not None:
        halfway = (task.chance + task.solved_at) / 2
        reached = curve.filter(pl.col("quantity") == "accuracy", pl.col("value") >= halfway)["step"]
        circuit = reached[0] if len(reached) else None
        accuracy = 0.0 if sweep is None else in_range_accuracy(sweep, task.train_length)
        solved = None if accuracy is None else accuracy >= task.solved_at
    values = {
        "status": entry["status"],
        "steps": entry["steps"],
        "final_loss": loss.tail(max(1, len(loss) // 20)).mean(),
        "solved": solved,
        "circuit_step": circuit,
    }
    return pl.DataFrame([values], schema=_schema("runs"))


def in_range_accuracy(sweep: pl.DataFrame, train_length: int) -> float | None:
    """Give the accuracy at N, without extension, on the first stream; None if not asked for."""
    rows = sweep.filter(
        pl.col("extension") == "none",
        pl.col("protocol") != "curve",
        pl.col("bin_by") == "position",
        pl.col("length") == train_length,
        pl.col("stream") == sweep["stream"][0],
        pl.col("n") > 0,
    )
    return float(rows["correct"].sum()) / float(rows["n"].sum()) if len(rows) else None


def check_optimum(sweep: pl.DataFrame, optimum: dict[str, float | None]) -> None:
    """Refuse a loss clearly below the smallest possible one: the answer has leaked."""
    mean, square = (pl.col(name) / pl.col("n") for name in ("loss_sum", "loss_sq"))
    means = sweep.filter(pl.col("bin_by") == "position", pl.col("n") > 0).with_columns(
        mean=mean, error=((square - mean**2).clip(0.0) / pl.col("n")).sqrt()
    )
    for row in means.iter_rows(named=True):
        best = optimum.get(row["stream"])
        if best is not None and row["mean"] + LEAK_ERRORS * row["error"] < best:
            raise ValueError(
                f"the {row['stream']} documents leak their answers: a loss of {row['mean']:.4f} "
                f"nats at length {row['length']} under {row['extension']} is below the smallest "
                f"possible one, {best:.4f}; mend the task or the extension"
            )


def variant_row(plan: dict[str, Any], model: Model, task: Task) -> pl.DataFrame:
    """Describe the variant: its choices, costs, data and digests."""
    chosen = choices(plan)
    groups = ("task", "position", "attention", "quantizer", "model", "size")
    values = {
        "variant": plan["variant"],
        **{group: chosen.get(group, "") for group in groups},
        "choices": " ".join(f"{group}={option}" for group, option in chosen.items()),
        "train_length": task.train_length,
        "chance": task.chance,
        "pixels_per_token": getattr(task, "token_size", 0) ** 2 or None,
        **model.costs(),
        "train_digest": plan["inputs"]["train"],
        "evaluate_digest": plan["digest"],
        "data_hash": task.data_hash,
        "versions": ", ".join(f"{k} {v}" for k, v in plan["versions"].items()),
    }
    return pl.DataFrame([values], schema=TABLES["variants"].schema)


def choices(plan: dict[str, Any]) -> dict[str, str]:
    """Give the option of each group that the variant reads, nested groups with a dot."""
    chosen = plan["chosen"].items()
    return {g.replace("/", "."): o for g, o in chosen if g.split("/")[0] in plan["used"]}


def _schema(kind: str) -> dict[str, Any]:
    return {k: v for k, v in TABLES[kind].schema.items() if k not in ("variant", "seed")}


def count_without_compiler() -> None:
    """Keep torch from importing its compiler, a CPU-second, only to leave counting alone."""
    count: Any = flop_counter._FlopCounterMode.__torch_dispatch__
    vars(count.__wrapped__)["__dynamo_disable"] = count.__wrapped__


def main() -> None:
    """Evaluate every finished seed of a manifest; a diverged seed is a row of `runs` only."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    count_without_compiler()
    plan = load_plan(arguments.plan)
    manifest = json.loads(arguments.manifest.read_text())
    training = read_table("training", arguments.manifest.parent / "training.parquet")
    tables: dict[str, list[pl.DataFrame]] = {kind: [] for kind in KINDS}
    for entry in manifest["seeds"][: plan["inputs"]["seeds"]]:
        add = partial(_add, tables, plan["variant"], entry["seed"])
        began, cpu = time.perf_counter(), time.process_time()
        task = build_task(plan["train_nodes"], load_parent(plan["train_nodes"], entry["seed"]))
        model = build_model(plan["train_nodes"], task, entry["seed"]).to(choose_device())
        found: dict[str, pl.DataFrame] = {}
        if entry["status"] == "finished":
            load_weights(model, entry["file"], entry["sha256"])
            found = evaluate_seed(plan, model, task)
        for kind, frame in found.items():
            add(kind, frame)
        sweep = found.get("extrapolation")
        if sweep is not None:
            check_optimum(sweep, cast(SequenceTask, task).optimum)
        add("runs", run_row(entry, task, training, sweep))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        add("timing", _timing(seconds, cpu, sweep))
        say(f"evaluate {plan['variant']} seed {entry['seed']}: {seconds:.1f} s")
    tables["variants"].append(variant_row(plan, model, task))
    for kind in KINDS:
        frame = pl.concat([empty(kind), *tables[kind]])
        write_table(kind, frame, arguments.output / f"{kind}.parquet", plan["digest"])


def _add(
    tables: dict[str, list[pl.DataFrame]], variant: str, seed: int, kind: str, frame: pl.DataFrame
) -> None:
    named = frame.with_columns(
        pl.lit(variant).alias("variant"), pl.lit(seed, pl.Int64).alias("seed")
    )
    tables[kind].append(named.select(*TABLES[kind].columns).cast(TABLES[kind].schema))


def _timing(seconds: float, cpu: float, sweep: pl.DataFrame | None) -> pl.DataFrame:
    tokens = None
    if sweep is not None:
        tokens = sweep.filter(pl.col("protocol") != "curve", pl.col("bin_by") == "position").select(
            (pl.col("length") * pl.col("documents")).sum()
        )
    rate = tokens.item() / seconds if tokens is not None else None
    values = {
        "stage": "evaluate",
        "seconds": seconds,
        "cpu_seconds": cpu,
        "tokens_per_second": rate,
        "machine": machine(),
    }
    return pl.DataFrame([values], schema=_schema("timing"))


if __name__ == "__main__":
    run(main)
