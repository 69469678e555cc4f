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

Source: "Finite Scalar Quantization: VQ-VAE Made Simple" (2309.15505) for tanh; the post
*简单得令人尴尬的FSQ* (2023-10-31) for sigmoid; 2411.19842 for symmetric and noise; 2601.17124 for
ifsq. Departure: eta widens the bound, as in the reference code; the paper's listing narrows it.
"""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.scalar_levels import choose_levels, join_digits, level_noise, split_index
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import straight_through

Coordinate = Callable[[Tensor, Tensor, float], Tensor]  # (z, L, eta) -> u, in levels
Grid = Callable[[Tensor], Tensor]  # L -> m or r


def _tanh(z: Tensor, L: Tensor, eta: float) -> Tensor:
    half = (L - 1) * (1 + eta) / 2
    offset = torch.where(L % 2 == 0, 0.5, 0.0).to(L)
    return torch.tanh(z + torch.atanh(offset / half)) * half - offset + L // 2


def _sigmoid(z: Tensor, L: Tensor, eta: float) -> Tensor:
    return (L - 1) * torch.sigmoid(z)


def _symmetric(z: Tensor, L: Tensor, eta: float) -> Tensor:
    return (L - 1) * (torch.tanh(z) + 1) / 2


def _ifsq(z: Tensor, L: Tensor, eta: float) -> Tensor:
    return (L - 1) * torch.sigmoid(1.6 * z)


def _uniform_bins(z: Tensor, L: Tensor, eta: float) -> Tensor:
    return L * torch.sigmoid(1.702 * z) - 0.5


def _half(L: Tensor) -> Tensor:
    return L // 2


def _to_ends(L: Tensor) -> Tensor:
    return (L - 1) / 2


def _to_bins(L: Tensor) -> Tensor:
    return L / 2


def _half_up(u: Tensor) -> Tensor:
    return torch.floor(u + 0.5)


# name -> u, m, r, and the rounding, which matters at ties: z = 0 is one for even L
BOUNDS: dict[str, tuple[Coordinate, Grid, Grid, Callable[[Tensor], Tensor]]] = {
    "tanh": (_tanh, _half, _half, torch.round),
    "sigmoid": (_sigmoid, _to_ends, _to_ends, torch.round),
    "symmetric": (_symmetric, _to_ends, _to_ends, _half_up),
    "ifsq": (_ifsq, _to_ends, _to_ends, torch.round),
    "uniform_bins": (_uniform_bins, _to_ends, _to_bins, _half_up),
}


class FSQ(Quantizer):
    """Rounding of bounded coordinates, one digit per coordinate."""

    levels: Tensor
    logged = LOGGED

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
        self.coordinate, self.middle, self.radius, self.round = BOUNDS[bound]
        self.noisy = mode == "noise"
        self.eta = eta
        self.register_buffer("levels", torch.tensor(self.digits), persistent=False)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Round each coordinate, or add noise in training with `mode` noise."""
        L = self.levels.to(z)
        u = self.coordinate(z, L, self.eta)  # (N, d)
        digits = self._digits(u)
        index = join_digits(digits, self.levels)  # (N,)
        z_in, q = self._value(u, L), self._value(digits.to(z), L)
        z_q = straight_through(z_in, q)
        if self.noisy and self.training:
            z_q = self._value(u + level_noise(u, generator), L)
        stats = step_usage(index, self.num_codes) if self.training else {}
        return QuantizerOutput(z_q, index, z.new_zeros(()), z_in, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first coordinate fastest, (N, d) -> (N,)."""
        digits = self._digits(self.coordinate(z, self.levels.to(z), self.eta))
        return join_digits(digits, self.levels)

    def decode(self, index: Tensor) -> Tensor:
        """Give the grid point of each joint index, (N,) -> (N, d)."""
        dtype = torch.get_default_dtype()
        return self._value(split_index(index, self.levels).to(dtype), self.levels.to(dtype))

    def _digits(self, u: Tensor) -> Tensor:
        rounded = self.round(u.detach()).long()
        return torch.minimum(rounded.clamp(min=0), self.levels - 1)

    def _value(self, u: Tensor, L: Tensor) -> Tensor:
        return (u - self.middle(L)) / self.radius(L)
