"""Entmax with a learned alpha per head: each head chooses between softmax and sparsemax.

    p_ij = max((alpha_h - 1) s_ij - tau_i, 0)^(1 / (alpha_h - 1))
    tau_i such that p_i sums to one over the keys visible to i

    s_ij     score of query i and key j in head h, after bias
    p_ij     coefficient of value j
    alpha_h  1 + sigmoid(r_h), between softmax (1) and sparsemax (2); r_h is learned from 0

tau is bisected, and then improved by a Newton step. Differentiated at a fixed slope, that step has
the gradient of the implicit function tau(s, alpha).

Source: Correia, Niculae, Martins, "Adaptively Sparse Transformers" (arXiv 1909.00015).
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Normaliser

_STEPS = 30  # of the bisection; a Newton step doubles the digits


class Entmax(Normaliser):
    """A power of what is above a threshold, one exponent per head."""

    row_stochastic = True

    def __init__(self, *, num_heads: int):
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(num_heads))  # r

    def initialise(self, generator: torch.Generator) -> None:
        """Start half-way, at alpha = 1.5."""
        self.logit.zero_()

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys."""
        excess = self.logit.sigmoid()[:, None, None]  # alpha - 1, (H, 1, 1)
        top = scores.detach().masked_fill(~visible, -torch.inf).amax(-1, keepdim=True)
        z = (excess * (scores - top)).clamp(min=-1).masked_fill(~visible, -1)
        with torch.no_grad():
            low, high = torch.full_like(top, -1), torch.zeros_like(top)
            for _ in range(_STEPS):
                middle = (low + high) / 2
                above = (z - middle).clamp(min=0).pow(1 / excess).sum(-1, keepdim=True) >= 1
                low, high = torch.where(above, middle, low), torch.where(above, high, middle)
            rise = (z - low).clamp(min=0).pow(1 / excess - 1) / excess  # >= p / excess
            slope = (rise * (z > low)).sum(-1, keepdim=True)
        total = (z - low).clamp(min=0).pow(1 / excess).sum(-1, keepdim=True)
        tau = low + (total - 1) / slope
        weights = (z - tau).clamp(min=0).pow(1 / excess)
        return weights.masked_fill(~visible, 0)
