"""Finite scalar quantisation: each of a few bounded coordinates is rounded to one of L levels.

    u = bound(z),  digit = round(u),  z_q = (digit - m) / r,  index = sum_i digit_i prod_{j<i} L_j

z (N, d) are N latents of d numbers, L (d,) levels per coordinate, u in levels, m the middle and r
the radius of the grid, so that z_q is in [-1, 1]. The gradient passes the rounding unchanged
(straight-through). There is no table and no auxiliary loss. With a = (L - 1) / 2, `bound` is one of

    tanh          u = h tanh(z + s) - o + m   m = r = floor(L / 2), h = a (1 + eta),
                                              o = 1/2 if L is even else 0, s = atanh(o / h)
    sigmoid       u = 2 a sigma(z)            m = r = a
    symmetric     u = a (tanh z + 1)          m = r = a
    ifsq          u = 2 a sigma(1.6 z)        m = r = a
    uniform_bins  u = L sigma(1.702 z) - 1/2  m = a, r = L / 2

tanh maps 0 to 0 for every L and is lopsided for even L; the others are symmetric. `mode` noise adds
uniform noise of one level's width in training instead of rounding, with the exact gradient.
`levels` null takes those that the paper advises for a code book near K, with L >= 5 from 2^8 on.
The share of `saturated` coordinates, |tanh| > 0.99 or |2 sigma - 1| > 0.99, is logged in training:
the slope is below 2 % of the steepest there, so latents hardly move.

Source: "Finite Scalar Quantization: VQ-VAE Made Simple" (2309.15505) for tanh; the post
*简单得令人尴尬的FSQ* (2023-10-31) for sigmoid; 2411.19842 for symmetric and noise; 2601.17124 for
ifsq. Departure: eta widens the bound, as in the reference code; the paper's listing narrows it.
"""

from collections.abc import Callable
from functools import lru_cache
from math import atanh, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.scalar_levels import (
    choose_levels,
    exact_weights,
    level_noise,
    split_index,
    weigh_digits,
)
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import straight_through

NEAR_END = 0.99  # of half the range of a bound, beyond which a coordinate is saturated


class Bound(NamedTuple):
    """u = scale * tanh(slope * z + shift) + offset, and the grid; numbers, or (N, d) each."""

    slope: Any
    shift: Any
    scale: Any
    offset: Any
    middle: Any  # m
    radius: Any  # r
    last: Any  # L - 1


def _tanh(L: int, eta: float) -> Bound:
    half, offset = (L - 1) * (1 + eta) / 2, 0.5 * (L % 2 == 0)
    return Bound(1.0, atanh(offset / half), half, L // 2 - offset, L // 2, L // 2, L - 1)


def _symmetric(L: int, eta: float) -> Bound:
    a = (L - 1) / 2
    return Bound(1.0, 0.0, a, a, a, a, L - 1)


def _sigmoid(L: int, eta: float) -> Bound:
    return _symmetric(L, eta)._replace(slope=0.5)  # 2 sigma(t) = 1 + tanh(t / 2)


def _ifsq(L: int, eta: float) -> Bound:
    return _symmetric(L, eta)._replace(slope=0.8)


def _uniform_bins(L: int, eta: float) -> Bound:
    return _symmetric(L, eta)._replace(slope=0.851, scale=L / 2, radius=L / 2)


def _half_up(u: Tensor) -> Tensor:
    return torch.floor(u + 0.5)


# name -> bound of a coordinate and its rounding: z = 0 is a tie for even L
BOUNDS: dict[str, tuple[Callable[[int, float], Bound], Callable[[Tensor], Tensor]]] = {
    "tanh": (_tanh, torch.round),
    "sigmoid": (_sigmoid, torch.round),
    "symmetric": (_symmetric, _half_up),
    "ifsq": (_ifsq, torch.round),
    "uniform_bins": (_uniform_bins, _half_up),
}


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _spread(bounds: tuple[Bound, ...], N: int, dtype: torch.dtype, device: torch.device) -> Bound:
    """Repeat the bounds of d coordinates for N latents: (d,) numbers cost several times as much."""
    rows = torch.tensor(bounds, dtype=torch.float64).T.to(device, dtype)  # (7, d)
    return Bound(*(row.repeat(N, 1) for row in rows))


class FSQ(Quantizer):
    """Rounding of bounded coordinates, one digit per coordinate."""

    levels: Tensor
    weights: Tensor
    logged = (*LOGGED, "saturated")

    def __init__(
        self, *, K: int, levels: list[int] | None, bound: str, mode: str, eta: float
    ) -> None:
        super().__init__()
        self.digits = choose_levels(K, levels)
        if bound == "tanh" and min(self.digits) < 3:
            raise ValueError(f"levels={levels}: bound=tanh needs at least 3; take bound=symmetric")
        if mode not in ("ste", "noise"):
            raise ValueError(f"mode={mode} is neither ste nor noise")
        self.dim, self.num_codes = len(self.digits), prod(self.digits)
        bounds, self.round = BOUNDS[bound]
        self.noisy = mode == "noise"
        self.bounds = tuple(bounds(L, eta) for L in self.digits)
        self.register_buffer("levels", torch.tensor(self.digits), persistent=False)
        self.register_buffer("weights", exact_weights(self.levels), persistent=False)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Round each coordinate, or add noise in training with `mode` noise."""
        bound = self._bound(z)
        squashed = self._squashed(z, bound)
        u = torch.addcmul(bound.offset, squashed, bound.scale)
        digits = self._digits(u, bound)  # (N, d), whole numbers, of the type of z
        index = weigh_digits(digits, self.weights)  # (N,)
        z_in, q = _value(u, bound), _value(digits, bound)
        if self.noisy and self.training:
            z_q = z_in + level_noise(q, generator) / bound.radius
        else:
            z_q = straight_through(z_in, q)
        stats = {}
        if self.training:
            far = squashed.detach().abs().gt_(NEAR_END).sum()  # of zeros and ones
            saturated = {"saturated": far.item() / z.numel()}
            stats = step_usage(index, self.num_codes) | saturated
        return QuantizerOutput(z_q, index, z.new_zeros(()), z_in, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first coordinate fastest, (N, d) -> (N,)."""
        bound = self._bound(z)
        u = torch.addcmul(bound.offset, self._squashed(z, bound), bound.scale)
        return weigh_digits(self._digits(u, bound), self.weights)

    def decode(self, index: Tensor) -> Tensor:
        """Give the grid point of each joint index, (N,) -> (N, d)."""
        digits = split_index(index, self.levels).to(torch.get_default_dtype())
        return _value(digits, self._bound(digits))

    def _bound(self, like: Tensor) -> Bound:
        return _spread(self.bounds, len(like), like.dtype, like.device)

    def _squashed(self, z: Tensor, bound: Bound) -> Tensor:
        return torch.tanh(torch.addcmul(bound.shift, z, bound.slope))

    def _digits(self, u: Tensor, bound: Bound) -> Tensor:
        return self.round(u.detach()).clamp_(min=0).clamp_(max=bound.last)


def _value(u: Tensor, bound: Bound) -> Tensor:
    return (u - bound.middle) / bound.radius
