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
from math import atanh, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.scalar_levels import (
    choose_levels,
    digit_weights,
    level_noise,
    split_index,
    weigh_digits,
)
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import straight_through

NEAR_END = 0.99  # of half the range of a squash, beyond which a coordinate is saturated


class Bound(NamedTuple):
    """u = scale * squash(slope * z + shift) + offset, and the grid; numbers, or (d,) each."""

    slope: Any
    shift: Any
    scale: Any
    offset: Any
    middle: Any  # m
    radius: Any  # r


def _tanh(L: int, eta: float) -> Bound:
    half, offset = (L - 1) * (1 + eta) / 2, 0.5 * (L % 2 == 0)
    return Bound(1.0, atanh(offset / half), half, L // 2 - offset, L // 2, L // 2)


def _symmetric(L: int, eta: float) -> Bound:
    a = (L - 1) / 2
    return Bound(1.0, 0.0, a, a, a, a)


def _sigmoid(L: int, eta: float) -> Bound:
    return Bound(1.0, 0.0, L - 1, 0.0, (L - 1) / 2, (L - 1) / 2)


def _ifsq(L: int, eta: float) -> Bound:
    return _sigmoid(L, eta)._replace(slope=1.6)


def _uniform_bins(L: int, eta: float) -> Bound:
    return Bound(1.702, 0.0, L, -0.5, (L - 1) / 2, L / 2)


def _half_up(u: Tensor) -> Tensor:
    return torch.floor(u + 0.5)


Map = Callable[[Tensor], Tensor]
# name -> bound of a coordinate, squash, and the rounding: z = 0 is a tie for even L
BOUNDS: dict[str, tuple[Callable[[int, float], Bound], Map, Map]] = {
    "tanh": (_tanh, torch.tanh, torch.round),
    "sigmoid": (_sigmoid, torch.sigmoid, torch.round),
    "symmetric": (_symmetric, torch.tanh, _half_up),
    "ifsq": (_ifsq, torch.sigmoid, torch.round),
    "uniform_bins": (_uniform_bins, torch.sigmoid, _half_up),
}


class FSQ(Quantizer):
    """Rounding of bounded coordinates, one digit per coordinate."""

    bounds: Tensor
    levels: Tensor
    last: Tensor
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
        bounds, self.squash, self.round = BOUNDS[bound]
        self.middle = float(self.squash(torch.zeros(())))  # of its range, which ends at 1
        self.noisy = mode == "noise"
        rows = torch.tensor([bounds(L, eta) for L in self.digits], dtype=torch.float64)
        self.register_buffer("bounds", rows.T.contiguous(), persistent=False)  # (6, d)
        self.register_buffer("levels", torch.tensor(self.digits), persistent=False)
        self.register_buffer("last", self.levels - 1.0, persistent=False)  # digits
        self.register_buffer("weights", digit_weights(self.levels).double(), persistent=False)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Round each coordinate, or add noise in training with `mode` noise."""
        bound = self._bound(z)
        squashed = self._squashed(z, bound)  # (N, d)
        digits = self._digits(squashed, bound)  # whole numbers, of the type of z
        index = weigh_digits(digits, self.weights)  # (N,)
        start, gain = (bound.offset - bound.middle) / bound.radius, bound.scale / bound.radius
        z_in, q = torch.addcmul(start, squashed, gain), _value(digits, bound)
        if self.noisy and self.training:
            z_q = z_in + level_noise(q, generator) / bound.radius
        else:
            z_q = straight_through(z_in, q)
        stats = {}
        if self.training:
            stats = step_usage(index, self.num_codes) | {"saturated": self._saturated(squashed)}
        return QuantizerOutput(z_q, index, z.new_zeros(()), z_in, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first coordinate fastest, (N, d) -> (N,)."""
        bound = self._bound(z)
        digits = self._digits(self._squashed(z, bound), bound)
        return weigh_digits(digits, self.weights)

    def decode(self, index: Tensor) -> Tensor:
        """Give the grid point of each joint index, (N,) -> (N, d)."""
        digits = split_index(index, self.levels).to(torch.get_default_dtype())
        return _value(digits, self._bound(digits))

    def _bound(self, like: Tensor) -> Bound:
        return Bound(*self.bounds.to(like).unbind())

    def _squashed(self, z: Tensor, bound: Bound) -> Tensor:
        columns = z.T.contiguous().T  # a bound acts on a whole column at once
        return self.squash(torch.addcmul(bound.shift, columns, bound.slope))

    def _saturated(self, squashed: Tensor) -> float:
        far = (squashed.detach() - self.middle).abs_().gt_(NEAR_END * (1 - self.middle))
        return float(far.mean())  # of zeros and ones

    def _digits(self, squashed: Tensor, bound: Bound) -> Tensor:
        u = torch.addcmul(bound.offset, squashed.detach(), bound.scale)
        rounded = self.round(u).clamp_(min=0)
        return torch.minimum(rounded, self.last)


def _value(u: Tensor, bound: Bound) -> Tensor:
    return (u - bound.middle) / bound.radius
