"""Train: all seeds of one variant, from a plan to checkpoints, a training table and a manifest.

    python -m kexue_pipe.train results/plans/train/{variant}/plan.json results/train/{variant}

Every random draw of step t comes from (task, "train", seed, t), so an interrupted training that
resumes ends with the same bits, and variants with the same seed see the same data.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import polars as pl
import torch
from hydra.utils import instantiate

from kexue_pipe.core.components import build_model, build_task, load_parent
from kexue_pipe.core.contracts import Batch, Model
from kexue_pipe.core.device import choose_device, machine
from kexue_pipe.core.files import atomic_write
from kexue_pipe.core.store import STORE, Seed
from kexue_pipe.core.tables import write_table
from kexue_pipe.graph.worker import Progress, load_plan, run, say

QUANTITIES = ("lr", "loss", "accuracy")  # then what the model logs
LOGGED_STRETCHES = 50  # rows of the training table per seed
SAVE_EVERY = 100  # steps between two saved states
TIMING = ("seed", "seconds", "cpu_seconds", "tokens_per_second", "machine")  # of a record
MANIFEST = ("seed", "status", "steps", "sha256")  # of a record, in the manifest


def train_seed(plan: dict[str, Any], seed: int, files: Seed) -> dict[str, Any]:
    """Train one seed, resuming where an interrupted training was saved; give its record."""
    nodes = plan["nodes"]
    parent = load_parent(nodes, seed)
    task = build_task(nodes, parent)
    device = choose_device()
    model = build_model(nodes, task, seed).to(device)
    recipe = instantiate(nodes["optimizer"])
    optimizer = recipe.optimizer(model)
    settings = nodes["task"]["train"]
    num_steps, status = recipe.num_steps(settings["steps"]), "finished"
    if parent and parent.status != "finished":
        num_steps, status = 0, "parent diverged"
    quantities = (*QUANTITIES, *model.logged)
    log = torch.full((num_steps, len(quantities)), math.nan, dtype=torch.float64)
    start = files.resume(model, optimizer, log)
    if start:
        say(f"{plan['variant']} seed {seed}: resumes at step {start}/{num_steps}")
    progress = Progress(f"train {plan['variant']} seed {seed}", num_steps)
    generator = torch.Generator(device)
    steps, tokens = num_steps, 0
    began, cpu = time.perf_counter(), time.process_time()
    model.train()
    for step in range(start, num_steps):
        batch = task.batch("train", seed, step, settings["batch_size"])
        generator.manual_seed(seed * 2**32 + step)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step, num_steps)
        loss, *rest = _step(model, optimizer, recipe, batch, generator, step / num_steps)
        log[step] = torch.tensor([recipe.rate(step, num_steps), loss, *rest])
        if not math.isfinite(loss):
            status, steps = "diverged", step + 1
            say(f"{plan['variant']} seed {seed}: the loss is {loss} at step {step}; stopped")
            break
        if (step + 1) % SAVE_EVERY == 0 and step + 1 < num_steps:
            files.pause(model, optimizer, step + 1, log)
        tokens += batch.inputs.numel()
        progress.step(step + 1, f"loss {loss:.3f}")
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    stretches = _stretches(plan["variant"], seed, quantities, log[:steps])
    write_table("training", stretches, files.curve_path, "")
    return files.finish(
        model,
        {
            "seed": seed,
            "status": status,
            "steps": steps,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "tokens_per_second": tokens / seconds,
            "machine": machine(),
        },
    )


def _step(
    model: Model,
    optimizer: torch.optim.Optimizer,
    recipe: Any,
    batch: Batch,
    generator: torch.Generator,
    progress: float,
) -> list[float]:
    """Take one optimizer step; give loss, accuracy (NaN where there is none) and what is logged."""
    batch = batch.map(lambda tensor: tensor.to(generator.device))
    result = model.loss(batch, generator, progress)
    optimizer.zero_grad(set_to_none=True)
    result.loss.backward()
    recipe.clip(model)
    optimizer.step()
    accuracy = math.nan if result.accuracy is None else result.accuracy
    return [result.loss.item(), accuracy, *(result.stats[name] for name in model.logged)]


def _stretches(
    variant: str, seed: int, quantities: tuple[str, ...], log: torch.Tensor
) -> pl.DataFrame:
    """Average the per-step log over stretches of equal length."""
    width = max(1, len(log) // LOGGED_STRETCHES)
    frame = pl.DataFrame(log.numpy(), schema=quantities, orient="row")
    return (
        frame.with_columns(pl.all().fill_nan(None))
        .with_row_index("step")
        .group_by((pl.col("step") // width).alias("stretch"), maintain_order=True)
        .agg(
            pl.col("step").last().cast(pl.Int64) + 1,
            pl.col("lr").last(),
            pl.col(quantities[1:]).mean(),
        )
        .unpivot(quantities, index="step", variable_name="quantity")
        .drop_nulls("value")
        .with_columns(variant=pl.lit(variant), seed=pl.lit(seed, pl.Int64))
    )


def main() -> None:
    """Train what a plan asks for and the store does not have; write the manifest last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan = load_plan(arguments.plan)
    records = []
    for seed in range(plan["seeds"]):
        files = Seed(STORE, plan["digest"], seed)
        found = files.record()
        records.append(found or train_seed(plan, seed, files))
        say(
            f"{plan['variant']} seed {seed}: {'in the store' if found else records[-1]['status']}"
            f" ({records[-1]['seconds']:.1f} s of training)"
        )
    _write(plan, records, arguments.output)


def _write(plan: dict[str, Any], records: list[dict[str, Any]], output: Path) -> None:
    curves = [pl.read_parquet(Seed(STORE, plan["digest"], r["seed"]).curve_path) for r in records]
    run_columns = {"variant": plan["variant"], "stage": "train"}
    curve = pl.concat(curves).with_columns(pl.lit(plan["variant"]).alias("variant"))
    timing = pl.DataFrame([run_columns | _pick(r, TIMING) for r in records])
    write_table("training", curve, output / "training.parquet", plan["digest"])
    write_table("timing", timing, output / "timing.parquet", plan["digest"])
    manifest = {
        "variant": plan["variant"],
        "digest": plan["digest"],
        "seeds": [
            {"file": str(Seed(STORE, plan["digest"], r["seed"]).model_path)} | _pick(r, MANIFEST)
            for r in records
        ],
    }
    atomic_write(output / "checkpoints.json", json.dumps(manifest, indent=1) + "\n")


def _pick(record: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: record[key] for key in keys}


if __name__ == "__main__":
    run(main)
