"""How time and memory grow with length, width, seeds and variants: exponents, and a plot.

    python benchmarks/scaling.py

step        a training step of the default decoder, 8 windows of 64 tokens, width 64
evaluation  all metrics of an untrained model of width 64 on one document, no extension
train       a whole training job at size=smoke
no-op       a dry run of a finished synthetic suite, of 10 variants and 3 seeds: the graph

One number grows and the others stay. Seconds are of the processor, on one thread; memory is the
largest resident size, of `step` and `evaluation` what it grew by after a run at an eighth of the
smallest size; a process inherits that of the one that starts it, so what is large is imported late.
An exponent is the slope of log cost over log size, imports included; the plot is `scaling.svg`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import graph
import numpy as np

from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import evaluate_plan, train_plan

SIZES = {
    ("step", "length"): (128, 256, 512, 1024),
    ("step", "width"): (64, 128, 256, 512),
    ("evaluation", "length"): (128, 512, 2048, 8192),
    ("train", "seeds"): (1, 2, 4),
    ("no-op", "variants"): (10, 50, 250, 500),
    ("no-op", "seeds"): (1, 8, 64),
}
ROUNDS = 3
Found = tuple[float, float]  # seconds of the processor, GiB


def step(length: int = 64, width: int = 64) -> Callable[[], Any]:
    """Give a training step."""
    import training_step

    sides = training_step.Sides(training_step.Shape(8, length, 2, width), 0, peers={})
    return partial(sides.steps["kexue_pipe"], sides.batch(0), 1e-3)


def evaluation(length: int) -> Callable[[], Any]:
    """Give an evaluation at one length of a model that knows 16 tokens."""
    from kexue_pipe.core.components import build_model, build_task
    from kexue_pipe.evaluate import evaluate_seed

    own = ["extension=[none]", "size.train_length=16", "size.evaluate.documents=1"]
    found = variant(["task=text", *own, f"task.evaluate.lengths=[{length}]"])
    whole = {"nodes": found.nodes, "chosen": found.chosen}
    trained = train_plan(found.name, whole, seeds=1)
    task = build_task(trained["nodes"])
    model = build_model(trained["nodes"], task, 0)
    return partial(evaluate_seed, evaluate_plan(found.name, whole, trained), model, task)


def inside(what: str, axis: str) -> list[Found]:
    """Measure in this process, whose largest size only grows: from small to large."""
    import torch

    torch.set_num_threads(1)
    build = {"step": step, "evaluation": evaluation}[what]
    sizes, found, start = SIZES[what, axis], [], 0
    for size in (sizes[0] // 8, *sizes):
        run, seconds = build(**{axis: size}), []
        for _ in range(ROUNDS):
            began = time.process_time()
            run()
            seconds.append(time.process_time() - began)
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = start or largest
        found.append((median(seconds), (largest - start) / 2**20))
    return found[1:]


def train(seeds: int) -> Found:
    """Measure a training job."""
    found = variant(["task=text", "size=smoke"])
    plan = train_plan(found.name, {"nodes": found.nodes}, seeds)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plan.json").write_text(json.dumps(plan))
        cost = graph.run(folder, [sys.executable, "-m", "kexue_pipe.train", "plan.json", "made"])
    return cost.cpu, cost.memory


def no_op(variants: int = 10, seeds: int = 3) -> Found:
    """Measure a dry run that finds nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        suite = graph.synthetic(folder, variants, seeds)
        graph.run(folder, [sys.executable, graph.__file__, "--finish", suite])
        _, cost = (graph.snakemake(folder, suite, *graph.DRY) for _ in range(2))
    return cost.cpu, cost.memory


def measure(what: str, axis: str) -> list[Found]:
    """Measure one line of the plot."""
    jobs: dict[str, Callable[..., Found]] = {"train": train, "no-op": no_op}
    if what in jobs:
        return [jobs[what](**{axis: size}) for size in SIZES[what, axis]]
    command = [sys.executable, __file__, "--only", what, axis]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def plot(rows: list[dict[str, Any]]) -> None:
    """Draw one panel per quantity that grows, and per cost."""
    import altair as alt

    log = alt.Scale(type="log")
    panel = alt.Chart(alt.Data(values=rows)).mark_line(point=True).encode(
        alt.X("size:Q", title=None, scale=log), alt.Y("cost:Q", title=None, scale=log),
        alt.Color("of:N", title=None),
    ).properties(width=160, height=160)  # fmt: skip
    chart = panel.facet(column=alt.Column("axis:N", title=None), row=alt.Row("unit:N", title=None))
    chart.resolve_scale(x="independent", y="independent").save(Path(__file__).with_suffix(".svg"))


def main() -> None:
    """Print one table and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs=2, metavar=("WHAT", "AXIS"), help="in this process")
    arguments = parser.parse_args()
    if arguments.only:
        return print(json.dumps(inside(*arguments.only)))
    print(f"{'':10} {'over':8} {'from - to':>12} {'unit':>5} {'cost':>16} {'exponent':>8}")
    rows = []
    for (what, axis), sizes in SIZES.items():
        found = measure(what, axis)
        for unit, costs in zip(("CPU s", "GiB"), zip(*found, strict=True), strict=True):
            slope = np.polyfit(np.log(sizes), np.log(costs), 1)[0]
            span, grown = f"{sizes[0]} - {sizes[-1]}", f"{costs[0]:.3g} - {costs[-1]:.3g}"
            print(f"{what:10} {axis:8} {span:>12} {unit:>5} {grown:>16} {slope:8.2f}", flush=True)
            line = {"of": what, "axis": axis, "unit": unit}
            rows += [line | {"size": x, "cost": y} for x, y in zip(sizes, costs, strict=True)]
    plot(rows)


if __name__ == "__main__":
    main()
