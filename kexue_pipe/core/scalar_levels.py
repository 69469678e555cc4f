"""Scalar levels: from a wanted number of codes to levels, and from digits to one index and back.

    index = sum_i digit_i prod_{j<i} L_j,   digit_i = index // prod_{j<i} L_j mod L_i

L (d,) levels of each coordinate, digits (N, d) with digit_i in 0 ... L_i - 1, index (N,) in
0 ... prod_i L_i - 1, all whole numbers. The first coordinate counts fastest. `LEVELS` holds the
levels that the paper advises for a code book near K: L >= 5 from 2^8 on.

Source: "Finite Scalar Quantization: VQ-VAE Made Simple" (2309.15505). Departure: the paper advises
nothing below 2^8, where two coordinates with equal levels stand.
"""

import torch
from torch import Tensor

LEVELS = {
    16: (4, 4),
    64: (8, 8),
    256: (8, 6, 5),
    1024: (8, 5, 5, 5),
    4096: (7, 5, 5, 5, 5),
    16384: (8, 8, 8, 6, 5),
    65536: (8, 8, 8, 5, 5, 5),
}


def choose_levels(K: int, levels: list[int] | None) -> tuple[int, ...]:
    """Give the levels that are asked for, or without them the advised ones for about K codes."""
    if levels is None:
        if K not in LEVELS:
            raise ValueError(f"K={K} has no advised levels; give `levels`, or one of {[*LEVELS]}")
        return LEVELS[K]
    if not levels or any(not isinstance(L, int) or L < 2 for L in levels):
        raise ValueError(f"levels={levels} must be whole numbers of at least 2")
    return tuple(levels)


def join_digits(digits: Tensor, levels: Tensor) -> Tensor:
    """Give the joint index of digits, (N, d) of any type -> (N,) int64."""
    return weigh_digits(digits, exact_weights(levels))


def weigh_digits(digits: Tensor, weights: Tensor) -> Tensor:
    """Give the joint index of digits by their exact weights, (N, d) and (d,) -> (N,) int64."""
    return (digits.to(weights.dtype) @ weights).long()


def exact_weights(levels: Tensor) -> Tensor:
    """Give the weights of digits in a type that holds every joint index exactly, (d,) -> (d,)."""
    # products of whole numbers cost several times those of floating point numbers
    exact = torch.float32 if levels.prod() < 2**24 else torch.float64
    return digit_weights(levels).to(exact)


def digit_weights(levels: Tensor) -> Tensor:
    """Give what one step of each digit adds to the joint index, (d,) -> (d,)."""
    return levels.cumprod(0) // levels


def split_index(index: Tensor, levels: Tensor) -> Tensor:
    """Give the digits of a joint index, (N,) -> (N, d)."""
    return index[:, None] // digit_weights(levels) % levels


def level_noise(u: Tensor, generator: torch.Generator) -> Tensor:
    """Draw uniform noise one level wide, in levels: U(-1/2, 1/2) in the shape of u."""
    return torch.rand(u.shape, generator=generator, device=generator.device).to(u) - 0.5
