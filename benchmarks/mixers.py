"""Time of one training step of each sequence mixer, beside our own softmax attention.

    python benchmarks/mixers.py [--length 2048] [NAME ...]

A step is forward and backward of one attention layer, projections included, on one sequence at
`size=small` with RoPE where a mixer rotates, on one thread. All mixers are timed in turns, in
seconds of the processor and not of the clock, so that other processes matter little. Printed are
medians in ms and the ratio to softmax: below 1 is faster, which is the goal at 2048 tokens.
"""

import argparse
import time
from statistics import median

import torch
from hydra.utils import instantiate

from kexue_pipe.core.contracts import Attention, Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.graph.compose import apply, resolve
from kexue_pipe.graph.plans import component
from kexue_pipe.graph.request import parse

ROUNDS = 9
GOALS = {2048: 1.0}  # of softmax
MIXERS = {
    "rope": ("linear", "performer", "based", "retnet", "gla", "ssd", "deltanet", "gated_deltanet"),
    "none": ("s4", "s4d", "rtf"),
}


def build(name: str, position: str) -> tuple[Attention, Position]:
    """Give a mixer and its position with their defaults."""
    nodes = resolve(apply(parse(["task=text", f"attention={name}", f"position={position}"])))
    attention = instantiate(component(nodes["attention"]))
    initialise(attention, 0)
    return attention.train(), instantiate(component(nodes["position"]))


def milliseconds(attention: Attention, position: Position, x: torch.Tensor) -> float:
    """Time one step with fresh gradients."""
    x = x.clone().requires_grad_()
    pos = torch.arange(float(x.shape[1]))
    attention.zero_grad(set_to_none=True)
    start = time.process_time()
    attention(x, pos, position).sum().backward()
    return 1e3 * (time.process_time() - start)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="mixers; all by default")
    parser.add_argument("--length", type=int, default=2048, help="tokens")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    sides = {"softmax": build("softmax", "rope")}
    for position, names in MIXERS.items():
        chosen = [name for name in names if name in (settings.names or names)]
        sides |= {name: build(name, position) for name in chosen}
    width = 64  # C at size=small
    x = torch.randn(1, settings.length, width, generator=torch.Generator().manual_seed(0))
    times: dict[str, list[float]] = {name: [] for name in sides}
    for round_ in range(ROUNDS + 2):
        for name, (attention, position) in sides.items():
            spent = milliseconds(attention, position, x)
            if round_ >= 2:  # the first ones warm up
                times[name].append(spent)
    print(f"{'mixer':16} {'T':>6} {'ms':>9} {'ratio':>6}")
    for name, spent in times.items():
        ratio = median(spent) / median(times["softmax"])
        row = f"{name:16} {settings.length:6} {median(spent):9.2f} {ratio:6.2f}"
        if settings.length in GOALS and name != "softmax":
            goal = GOALS[settings.length]
            row += f"  goal {goal}: {'met' if ratio < goal else 'not met'}"
        print(row)


if __name__ == "__main__":
    main()
