"""Time, memory and error of attention statistics, by back-end, with the dense method beside them.

    python benchmarks/attention_statistics.py [--length 65536] [--queries 64]

One head of an untrained softmax attention reads `--length` random tokens; `--queries` of its rows
are measured by all metrics that the back-end has, on one thread. Every line is a process of its
own: CPU time, and how much its largest resident size grew while it measured. `fused` measures all
rows whatever is asked, and is left out beyond 16384 tokens unless `--fused` is given.
Errors are largest differences from the dense float64 matrix, where that fits: at 2048 tokens.
"""

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import torch
from hydra.utils import instantiate
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import component

BACKENDS = ("rows", "online", "fused")
FITS, FUSED = 2048, 16384
GOAL = 1.5  # GiB, at any length
SPREAD = 1.5  # of the input: scores vary by about 2, so that rows are neither uniform nor one key


def parts(backend: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Build an attention of one head, its position, a back-end and the metrics that this has."""
    chosen = ["size=small", "size.num_heads=1", f"backend={backend}"]
    nodes = variant(chosen).nodes
    attention, position, measure = (
        instantiate(component(nodes[group])) for group in ("attention", "position", "backend")
    )
    for weight in attention.parameters():
        torch.nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    return attention, position, measure, metrics_of(nodes)


def metrics_of(nodes: dict[str, Any]) -> dict[str, Any]:
    """Build the metrics of a composition."""
    return {name: instantiate(component(node)) for name, node in nodes["metric"].items()}


def draw(length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Give what the attention reads, (1, T, C), and position ids."""
    x = SPREAD * torch.randn(1, length, 64, generator=torch.Generator().manual_seed(0))
    return x.to(dtype), torch.arange(length, dtype=dtype)


def last_queries(length: int, count: int) -> Tensor:
    """Spread the queries over the second half of the tokens."""
    return torch.linspace(length // 2, length - 1, count).long()


def cost(backend: str, length: int, count: int) -> None:
    """Print CPU time and growth of the resident size of one back-end."""
    attention, position, measure, metrics = parts(backend)
    x, pos = draw(length, torch.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    for block in measure(attention, x, pos, position, last_queries(length, count)):
        for metric in metrics.values():
            metric(block)
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    text = f"{length:9} {backend:8}{len(metrics):9}{seconds:11.2f}{grown:13.3f}"
    print(f"{text}  goal {GOAL}: {'met' if grown <= GOAL else 'not met'}", flush=True)


def dense(length: int) -> None:
    """Print the cost of the whole float64 matrix and all metrics of its rows."""
    attention, position, _, metrics = parts("rows")
    x, pos = draw(length, torch.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    block = whole(attention, x, pos, position)
    for metric in metrics.values():
        metric(block)
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(f"{length:9} {'dense':8}{len(metrics):9}{seconds:11.2f}{grown:13.3f}", flush=True)


def whole(attention: Any, x: Tensor, pos: Tensor, position: Any) -> RowBlock:
    """Give all rows as one softmax of the whole score matrix, float64."""
    q, k, v = (tensor.double() for tensor in attention.products(x, pos, position))
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    weights = (q @ k.mT).masked_fill(~mask, -torch.inf).softmax(-1)
    return RowBlock(torch.arange(x.shape[1]), mask, weights, v, True)


def errors(length: int, count: int) -> None:
    """Print the largest difference of each metric from the dense matrix, by back-end and type."""
    queries = last_queries(length, count)
    columns: dict[str, dict[str, float]] = {}
    torch.manual_seed(0)
    attention, position, _, every = parts("rows")
    attention = attention.double()
    x, pos = draw(length, torch.float64)
    block = whole(attention, x, pos, position)
    exact = {name: metric(replace(block))[..., queries] for name, metric in every.items()}
    for backend in BACKENDS:
        _, _, measure, metrics = parts(backend)
        for dtype in (torch.float64, torch.float32):
            read = (attention.to(dtype), x.to(dtype), pos.to(dtype), position, queries)
            blocks = list(measure(*read))
            column = columns.setdefault(f"{backend} {str(dtype)[-2:]}", {})
            for name, metric in metrics.items():
                found = torch.cat([metric(part) for part in blocks], -1)
                difference = (found - exact[name]).abs().nan_to_num(0.0)
                column[name] = float(difference.max())
            attention = attention.double()
    print(f"\nlargest difference from the dense float64 matrix at {length} tokens")
    print(f"{'':16}" + "".join(f"{name:>11}" for name in columns))
    for name in every:
        cells = (column.get(name) for column in columns.values())
        print(
            f"{name:16}" + "".join(f"{'-' if c is None else format(c, '.0e'):>11}" for c in cells)
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=65536)
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--fused", action="store_true", help="also where it takes a minute")
    parser.add_argument("--only", help="measure one back-end, or dense, in this process")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        if arguments.only == "dense":
            dense(arguments.length)
        elif arguments.only:
            cost(arguments.only, arguments.length, arguments.queries)
        else:
            print(f"{'tokens':>9} {'':8}{'metrics':>9}{'CPU s':>11}{'memory GiB':>13}", flush=True)
            lengths = {FITS, arguments.length}
            runs = [(name, length) for length in sorted(lengths) for name in BACKENDS]
            runs = [r for r in runs if arguments.fused or r[0] != "fused" or r[1] <= FUSED]
            for name, length in [("dense", FITS), *runs]:
                options = ["--only", name, "--length", str(length)]
                options += ["--queries", str(arguments.queries)]
                subprocess.run([sys.executable, __file__, *options], check=True)
            errors(FITS, arguments.queries)
