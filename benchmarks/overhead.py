"""Seconds of the processor that a training job spends before its first gradient.

    python benchmarks/overhead.py [--rounds 5]

Each round is a fresh process that does what `kexue_pipe.train` does up to the first backward pass,
of the default decoder; printed are medians of the total and of each stretch.
"""

import argparse
import json
import subprocess
import sys
from statistics import median

GOAL = 1.0  # seconds
STRETCHES = ("import torch", "import the stage", "build", "draw a batch", "first gradient")
WORKER = """
import json, sys, time
marks = [0.0]
mark = lambda: marks.append(time.process_time())
import torch
mark()
from kexue_pipe.train import build_model, build_task, instantiate, load_plan
from pathlib import Path
torch.set_num_threads(1)
mark()
nodes = json.loads(sys.stdin.read())
task = build_task(nodes)
model = build_model(nodes, task, 0)
optimizer = instantiate(nodes["optimizer"]).optimizer(model)
mark()
batch = task.batch("train", 0, 0, nodes["task"]["train"]["batch_size"])
mark()
optimizer.zero_grad(set_to_none=True)
model.loss(batch, torch.Generator(), 0.0).loss.backward()
mark()
print(json.dumps([b - a for a, b in zip(marks, marks[1:])]))
"""


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from kexue_pipe.graph.names import variant
    from kexue_pipe.graph.plans import train_plan

    found = variant([])
    nodes = json.dumps(train_plan(found.name, {"nodes": found.nodes}, seeds=1)["nodes"])
    runs = []
    for _ in range(rounds):
        command = [sys.executable, "-c", WORKER]
        done = subprocess.run(command, input=nodes, capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    for name, seconds in zip(STRETCHES, zip(*runs, strict=True), strict=True):
        print(f"{name:18} {median(seconds):6.2f} s")
    total = median(map(sum, runs))
    print(f"{'all':18} {total:6.2f} s (goal: {GOAL}, {'met' if total <= GOAL else 'not met'})")


if __name__ == "__main__":
    main()
