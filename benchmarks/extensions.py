"""Time and memory of every context extension, against the decoder that it extends.

    python benchmarks/extensions.py [--rounds 5] [--length 65536]

Time: one pass over 8192 tokens in documents of T = N ... 16 N tokens, of which the last N/2 are
answered; extensions take turns, medians of CPU time, one thread. Matmul is the time of the matrix
products of the plain pass alone, replayed with their shapes (of attention: the visible pairs).
Memory: the largest resident size of a fresh process that answers the last 32 of `--length` tokens.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from types import SimpleNamespace
from typing import Any

import torch
from hydra.utils import instantiate
from torch.profiler import ProfilerActivity, profile

from kexue_pipe.core.attention_parts import row_slices
from kexue_pipe.core.components import build_model
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import component

V, TOKENS = 96, 8192


def build() -> tuple[Any, dict[str, Callable[..., Any]]]:
    """Build a rotary decoder of size small, untrained, and all its extensions."""
    nodes = variant(["size=small", "position=rope"]).nodes
    task = SimpleNamespace(vocabulary_size=V, train_length=nodes["task"]["train_length"])
    groups = ("model", "position", "position_ids", "attention")
    model = build_model({group: component(nodes[group]) for group in groups}, task, 0).eval()
    return model, {n: instantiate(component(node)) for n, node in nodes["extension"].items()}


def multiply(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Form all products."""
    for left, right in pairs:
        left @ right


def products(run: Callable[[], Any]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Give operands like those of every matrix product of a pass."""
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as record:
        run()
    pairs = []
    for event in record.events():
        if event.name in ("aten::mm", "aten::addmm", "aten::bmm"):
            left, right = [shape for shape in event.input_shapes if len(shape) > 1][-2:]
            pairs.append((torch.randn(left), torch.randn(right)))
        if event.name == "aten::_scaled_dot_product_flash_attention_for_cpu":
            B, H, T, D = event.input_shapes[0]
            for rows in row_slices(T, B * H * T):
                R, S = rows.stop - rows.start, rows.stop
                pairs.append((torch.randn(B * H, R, D), torch.randn(B * H, D, S)))
                pairs.append((torch.randn(B * H, R, S), torch.randn(B * H, S, D)))
    return pairs


def times(rounds: int) -> None:
    """Print a row per extension and a column per length, in passes of the plain model."""
    model, extensions = build()
    N = model.train_length
    lengths = [N << k for k in range(5)]
    columns: dict[int, dict[str, float]] = {}
    for T in lengths:
        tokens = torch.randint(V, (TOKENS // T, T))
        models = {"plain": model} | {n: extend(model, length=T) for n, extend in extensions.items()}
        runs = {name: partial(m, tokens, last=N // 2) for name, m in models.items()}
        runs["matmul"] = partial(multiply, products(runs["plain"]))
        found: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds + 1):
            for name, run in runs.items():
                start = time.process_time()
                run()
                found[name].append(time.process_time() - start)
        columns[T] = {name: median(values[1:]) for name, values in found.items()}  # first: warm-up
    print("in plain passes   " + "".join(f"{f'T={T}':>9}" for T in lengths))
    for name in (*extensions, "matmul"):
        print(f"{name:18}" + "".join(f"{c[name] / c['plain']:9.2f}" for c in columns.values()))
    print("plain, ms         " + "".join(f"{1e3 * c['plain']:9.0f}" for c in columns.values()))
    mean = [sum(c[name] for name in extensions) / len(extensions) for c in columns.values()]
    matmul = [column["matmul"] for column in columns.values()]
    ratios = [a / b for a, b in zip(mean, matmul, strict=True)]
    print("mean / matmul     " + "".join(f"{ratio:9.2f}" for ratio in ratios))
    whole = sum(mean) / sum(matmul)
    verdict = "met" if whole <= 3 else "not met"
    print(f"over all lengths: {whole:.2f} matmul times (goal: 3, {verdict})")


def memory(name: str, length: int) -> None:
    """Print the largest size of this process in one long pass."""
    model, extensions = build()
    extensions[name](model, length=length)(torch.randint(V, (1, length)), last=32)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    verdict = "met" if peak <= 1.5 else "not met"
    print(f"{name:18}{peak:9.2f} GiB at {length} tokens (goal: 1.5, {verdict})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--length", type=int, default=65536)
    parser.add_argument("--memory", help="measure the memory of one extension alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        if arguments.memory:
            memory(arguments.memory, arguments.length)
        else:
            # first: a process inherits the peak of the one that starts it
            for name in ("none", "rerope", "leaky_rerope", "self_extend"):
                options = ["--memory", name, "--length", str(arguments.length)]
                subprocess.run([sys.executable, __file__, *options], check=True)
            times(arguments.rounds)
