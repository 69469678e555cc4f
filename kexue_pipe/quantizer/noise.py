"""Additive uniform noise: training sees noise of one level's width where evaluation rounds.

    u = a (tanh z + 1),  a = (L - 1) / 2
    training:    z_q = (u + eps) / a - 1,  eps ~ U(-1/2, 1/2)
    evaluation:  z_q = digit / a - 1,  digit = floor(u + 1/2),  index = sum_i digit_i prod_{j<i} L_j

z (N, d) are N latents of d numbers, L (d,) levels per coordinate, u in levels. The gradient is that
of the noisy map itself, without any estimator, and noise and rounding have the same mean squared
error of 1/12 of a squared level for a smooth density of u: against `fsq` this separates the bias of
straight-through from the noise of quantisation. `share` of the coordinates, drawn anew for each
latent, get noise and the others are rounded straight-through; 0 is `fsq` with bound symmetric.
`levels` null takes those that the FSQ paper advises for a code book near K.

Source: "End-to-end Optimized Image Compression" (1611.01704) for the noise; 2411.19842 for the
bound and for `share`. Departure: the levels are bounded, so no rate loss has to hold them together.
"""

from math import prod

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.scalar_levels import choose_levels, join_digits, level_noise, split_index
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import straight_through


class UniformNoise(Quantizer):
    """Noise in training and rounding in evaluation, of bounded coordinates."""

    levels: Tensor
    logged = LOGGED

    def __init__(self, *, K: int, levels: list[int] | None, share: float) -> None:
        super().__init__()
        self.digits = choose_levels(K, levels)
        self.dim, self.num_codes = len(self.digits), prod(self.digits)
        self.share = share
        self.register_buffer("levels", torch.tensor(self.digits), persistent=False)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Add noise in training, round in evaluation."""
        a = (self.levels.to(z) - 1) / 2
        u = a * (torch.tanh(z) + 1)  # (N, d)
        digits = (u.detach() + 0.5).floor().long()
        index = join_digits(digits, self.levels)  # (N,)
        z_in, q = u / a - 1, digits.to(z) / a - 1
        z_q = straight_through(z_in, q)
        stats = step_usage(index, self.num_codes) if self.training else {}
        if self.training:
            noisy = (u + level_noise(u, generator)) / a - 1
            draws = torch.rand(z.shape, generator=generator, device=generator.device)
            z_q = torch.where(draws.to(z.device) < self.share, noisy, z_q)
        return QuantizerOutput(z_q, index, z.new_zeros(()), z_in, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first coordinate fastest, (N, d) -> (N,)."""
        u = (self.levels.to(z) - 1) / 2 * (torch.tanh(z) + 1)
        return join_digits((u + 0.5).floor().long(), self.levels)

    def decode(self, index: Tensor) -> Tensor:
        """Give the grid point of each joint index, (N,) -> (N, d)."""
        dtype = torch.get_default_dtype()
        a = (self.levels.to(dtype) - 1) / 2
        return split_index(index, self.levels).to(dtype) / a - 1
