"""FAVOR+: random positive features, whose products estimate the exponential of the score.

    phi(x) = m^(-1/2) exp(W x' - |x'|^2 / 2),   x' = D^(-1/4) x
    so that  E phi(q) . phi(k) = exp(q . k / sqrt(D))

    x  query or key, (D,)
    W  Gaussian rows, (m, D), orthogonal in blocks of D rows; drawn once per layer, kept
    m  features, `features_per_channel` times D

Row w of W gives at most exp(|w|^2 / 2), so keys do not overflow. Queries are divided by their
largest feature, which cancels where rows are divided by their sum.

Source: Choromanski et al., "Rethinking Attention with Performers" (arXiv 2009.14794).

Departures: W is not drawn again during training; no constant is added to the features; directions
are uniform, where released codes keep the signs of a QR factorisation, which bias the estimate.
"""

from math import log

import torch
from torch import Tensor

from kexue_pipe.core.linear_parts import Feature


class Favor(Feature):
    """Positive orthogonal random features."""

    turns_input = True
    W: Tensor

    def __init__(self, *, head_width: int, features_per_channel: int):
        super().__init__()
        self.blocks = features_per_channel
        self.register_buffer("W", torch.zeros(features_per_channel * head_width, head_width))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw W: directions that are orthogonal in each block, lengths of Gaussian vectors."""
        m, D = self.W.shape
        Q, R = torch.linalg.qr(torch.randn(self.blocks, D, D, generator=generator))
        # the signs that QR leaves are no random ones, and would make the estimate biased
        directions = Q * R.diagonal(dim1=-2, dim2=-1).sign()[:, None]
        lengths = torch.randn(m, D, generator=generator).norm(dim=-1, keepdim=True)
        self.W.copy_(directions.mT.flatten(0, 1) * lengths)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Give the features; those of queries relative to their largest."""
        (log_q, q_shift), (log_k, k_shift) = self._exponents(q), self._exponents(k)
        # shifts meet before the many features are touched; that of queries has but a gradient
        q_shift = q_shift - q_shift.detach() - log_q.detach().amax(-1, keepdim=True)
        factor = len(self.W) ** -0.5
        return factor * (log_q + q_shift).exp(), (log_k + (k_shift + log(factor))).exp()

    def _exponents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give W x', (B, H, T, m), and -|x'|^2 / 2, (B, H, T, 1)."""
        x = x * x.shape[-1] ** -0.25
        return x @ self.W.T, -x.square().sum(-1, keepdim=True) / 2
