"""Share of the best matmul rate of a core that the whole training step achieves.

    python benchmarks/matmul.py [--rounds 15]

best       the highest rate over square float32 products of 256 to 1024, in the same run
mm rate    rate of the step's own linear maps alone, from their share of the profile
step rate  floating-point operations of a step (products of forward and backward, 3 x forward;
           attention as its visible half), over the time of the step

Seconds are of the processor, on one thread; a profile of the rest is printed below.
"""

import argparse
import time
from statistics import median

import torch
import training_step
from torch.profiler import ProfilerActivity, profile

GOAL, SHOWN = 0.5, 10


def rate(size: int) -> float:
    """Measure a square product, GFLOP/s."""
    left, right = torch.randn(2, size, size)
    seconds = []
    for _ in range(max(8, 2**28 // size**3)):
        start = time.process_time()
        left @ right
        seconds.append(time.process_time() - start)
    return 2e-9 * size**3 / min(seconds[1:])


def flops(shape: training_step.Shape, vocabulary: int) -> tuple[float, float]:
    """Count the products of linear maps and of attention in one step, forward and backward."""
    inner = shape.H * shape.D
    weights = shape.layers * (4 * shape.C * inner + 8 * shape.C**2) + shape.C * vocabulary
    pairs = shape.layers * shape.B * shape.T * (shape.T + 1) // 2
    return 6.0 * shape.B * shape.T * weights, 3 * 4.0 * inner * pairs


def main() -> None:
    """Print a table and a profile for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    best = max(rate(size) for size in (256, 512, 1024))
    print(f"best matmul rate {best:.0f} GFLOP/s")
    for name, shape in training_step.SHAPES.items():
        sides = training_step.Sides(shape, rounds, peers={})
        step, batch = sides.steps["kexue_pipe"], sides.batch(0)
        seconds = []
        for _ in range(rounds):
            start = time.process_time()
            step(batch, 1e-3)
            seconds.append(time.process_time() - start)
        with profile(activities=[ProfilerActivity.CPU]) as record:
            for _ in range(5):
                step(batch, 1e-3)
        found = {e.key: e.self_cpu_time_total for e in record.key_averages()}
        linear, attention = flops(shape, sides.task.vocabulary_size)
        spent = median(seconds[2:])
        achieved = 1e-9 * (linear + attention) / spent
        verdict = "met" if achieved / best >= GOAL else "not met"
        whole = sum(found.values())
        own = 1e-9 * linear / (spent * found["aten::mm"] / whole)
        print(f"\n{name}: {1e3 * spent:.1f} ms a step, mm rate {own:.0f} GFLOP/s")
        print(f"step rate {achieved:.0f}: {achieved / best:.2f} of best (goal: {GOAL}, {verdict})")
        for key, value in sorted(found.items(), key=lambda item: -item[1])[:SHOWN]:
            print(f"  {value / whole:5.1%}  {key[:60]}")


if __name__ == "__main__":
    main()
