"""Time of one training step of the quantizer alone, beside vector-quantize-pytorch.

    python benchmarks/quantizers.py

A step is forward and backward of N = 2048 latents, as of 128 patches of 16 tokens, on one thread;
D, levels and stages are the defaults; gumbel has the distance to its rows as logits, as theirs. The
two sides are timed in turns, in seconds of the processor and not of the clock, so that other
processes matter little. Printed are medians in ms and the ratio ours / theirs: below 1 is faster.
"""

import time
from collections.abc import Callable
from math import log2
from statistics import median

import torch
import vector_quantize_pytorch as theirs
from hydra.utils import instantiate
from torch import Tensor, nn

from kexue_pipe.core.initialise import initialise
from kexue_pipe.graph.compose import apply, resolve
from kexue_pipe.graph.plans import component
from kexue_pipe.graph.request import parse

N, ROUNDS = 2048, 21
SIZES = (64, 1024, 4096)
LEVELS = {64: [8, 8], 1024: [8, 5, 5, 5], 4096: [7, 5, 5, 5, 5]}
GOAL = 0.8  # of theirs
BINARY = ("lfq", "bsq")  # have log2 K bits

REFERENCES: dict[str, Callable[[int, int], nn.Module]] = {
    "vq": lambda K, D: theirs.VectorQuantize(
        D, K, learnable_codebook=True, ema_update=False, rotation_trick=False
    ),
    "vq quantizer/estimator=rotation": lambda K, D: theirs.VectorQuantize(
        D, K, learnable_codebook=True, ema_update=False, rotation_trick=True
    ),
    "vq quantizer/estimator=diveq": lambda K, D: theirs.VectorQuantize(
        D, K, directional_reparam=True, directional_reparam_variance=1e-3,
        threshold_ema_dead_code=1,
    ),
    "vq_ema": lambda K, D: theirs.VectorQuantize(
        D, K, decay=0.97, threshold_ema_dead_code=1, rotation_trick=False
    ),
    "vq_cos": lambda K, D: theirs.VectorQuantize(D, K, use_cosine_sim=True, rotation_trick=False),
    "simvq": lambda K, D: theirs.SimVQ(D, K, rotation_trick=False),
    "gumbel quantizer.logits=distance": lambda K, D: theirs.VectorQuantize(
        D, K, stochastic_sample_codes=True, straight_through=True, rotation_trick=False
    ),
    "pq": lambda K, D: theirs.VectorQuantize(
        D, round(K**0.5), heads=2, codebook_dim=D // 2, separate_codebook_per_head=True,
        learnable_codebook=True, ema_update=False, rotation_trick=False,
    ),
    "rvq": lambda K, D: theirs.ResidualVQ(
        dim=D, num_quantizers=2, codebook_size=round(K**0.5), decay=0.97,
        threshold_ema_dead_code=1, rotation_trick=False,
    ),
    "fsq": lambda K, D: theirs.FSQ(LEVELS[K]),
    "lfq": lambda K, D: theirs.LFQ(codebook_size=K, dim=round(log2(K))),
    "bsq": lambda K, D: theirs.LFQ(codebook_size=K, dim=round(log2(K)), spherical=True),
}  # fmt: skip


def ours(name: str, K: int) -> nn.Module:
    """Build one of our quantizers, with its defaults where `name` says nothing else."""
    size = f"quantizer.bits={round(log2(K))}" if name in BINARY else f"quantizer.K={K}"
    nodes = resolve(apply(parse(["task=patches", *f"quantizer={name}".split(), size])))
    quantizer = instantiate(component(nodes["quantizer"]))
    initialise(quantizer, 0)
    return quantizer


def our_step(quantizer: nn.Module, generator: torch.Generator) -> Callable[[Tensor], None]:
    """Give our step: value and auxiliary loss, backward."""

    def step(z: Tensor) -> None:
        out = quantizer(z, generator, 0.5)
        (out.z_q.sum() + out.aux).backward()

    return step


def their_step(quantizer: nn.Module) -> Callable[[Tensor], None]:
    """Give their step: the first answer is the value, the third a loss where there is one."""

    def step(z: Tensor) -> None:
        value, _, *losses = quantizer(z[None])
        sum((loss.sum() for loss in losses), value.sum()).backward()

    return step


def milliseconds(step: Callable[[Tensor], None], quantizer: nn.Module, z: Tensor) -> float:
    """Time one step with fresh gradients."""
    z = z.clone().requires_grad_()
    quantizer.zero_grad(set_to_none=True)
    start = time.process_time()
    step(z)
    return 1e3 * (time.process_time() - start)


def main() -> None:
    """Print one table."""
    torch.set_num_threads(1)
    print(f"{'quantizer':32} {'K':>5} {'ours ms':>9} {'theirs ms':>9} {'ratio':>6}")
    for name, reference in REFERENCES.items():
        for K in SIZES:
            generator = torch.Generator().manual_seed(0)
            mine = ours(name, K)
            other = reference(K, mine.dim).train()
            z = torch.randn(N, mine.dim, generator=generator)
            sides = ((our_step(mine, generator), mine), (their_step(other), other))
            times: list[list[float]] = [[], []]
            for round_ in range(ROUNDS + 3):
                for side, (step, quantizer) in enumerate(sides):
                    spent = milliseconds(step, quantizer, z)
                    if round_ >= 3:  # the first ones warm up and start the table
                        times[side].append(spent)
            a, b = map(median, times)
            verdict = f"goal {GOAL}: {'met' if a / b <= GOAL else 'not met'}"
            print(f"{name:32} {K:5} {a:9.2f} {b:9.2f} {a / b:6.2f}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
