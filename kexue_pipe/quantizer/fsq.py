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
from kexue_pipe.core.straight_through import straight_through

LEVELS = {
    16: (4, 4),
    64: (8, 8),
    256: (8, 6, 5),
    1024: (8, 5, 5, 5),
    4096: (7, 5, 5, 5, 5),
    16384: (8, 8, 8, 6, 5),
    65536: (8, 8, 8, 5, 5, 5),
}


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
    basis: Tensor

    def __init__(
        self, *, K: int, levels: list[int] | None, bound: str, mode: str, eta: float
    ) -> None:
        super().__init__()
        if levels is None and K not in LEVELS:
            raise ValueError(f"K={K} has no advised levels; give `levels`, or one of {[*LEVELS]}")
        digits = tuple(levels) if levels is not None else LEVELS[K]
        least = 3 if bound == "tanh" else 2
        if min(digits) < least or not all(isinstance(L, int) for L in digits):
            raise ValueError(
                f"levels={list(digits)}: bound={bound} needs whole numbers of at least {least}"
            )
        if mode not in ("ste", "noise"):
            raise ValueError(f"mode={mode} is neither ste nor noise")
        self.digits, self.dim, self.num_codes = digits, len(digits), prod(digits)
        self.coordinate, self.middle, self.radius, self.round = BOUNDS[bound]
        self.noisy = mode == "noise"
        self.eta = eta
        basis = [prod(digits[:i]) for i in range(len(digits))]
        self.register_buffer("levels", torch.tensor(digits), persistent=False)
        self.register_buffer("basis", torch.tensor(basis), persistent=False)

    def forward(self, z: Tensor, generator: torch.Generator) -> QuantizerOutput:
        """Round each coordinate, or add noise in training with `mode` noise."""
        L = self.levels.to(z)
        u = self.coordinate(z, L, self.eta)  # (N, d)
        digits = self._digits(u)
        z_in, q = (self._value(v, L) for v in (u, digits.to(z)))
        z_q = straight_through(z_in, q)
        if self.noisy and self.training:
            noise = torch.rand(z.shape, generator=generator, device=generator.device)
            z_q = self._value(u + noise.to(z) - 0.5, L)
        index = (digits * self.basis).sum(1)  # (N,)
        return QuantizerOutput(z_q, index, z.new_zeros(()), z_in, q.detach())

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first coordinate fastest, (N, d) -> (N,)."""
        u = self.coordinate(z, self.levels.to(z), self.eta)
        return (self._digits(u) * self.basis).sum(1)

    def decode(self, index: Tensor) -> Tensor:
        """Give the grid point of each joint index, (N,) -> (N, d)."""
        digits = index[:, None] // self.basis % self.levels
        dtype = torch.get_default_dtype()
        return self._value(digits.to(dtype), self.levels.to(dtype))

    def _digits(self, u: Tensor) -> Tensor:
        rounded = self.round(u.detach()).long()
        return torch.minimum(rounded.clamp(min=0), self.levels - 1)

    def _value(self, u: Tensor, L: Tensor) -> Tensor:
        return (u - self.middle(L)) / self.radius(L)
