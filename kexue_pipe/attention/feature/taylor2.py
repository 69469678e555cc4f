"""Taylor features: their products are the first three terms of the exponential of the score.

    phi(x) = [1 ; x' ; x'_a^2 / sqrt(2) ; x'_a x'_b for a < b],   x' = D^(-1/4) x
    so that  phi(q) . phi(k) = 1 + s + s^2 / 2 > 0,   s = q . k / sqrt(D)

    x  query or key, (D,);  phi(x)  (1 + D + D (D + 1) / 2,)

Source: Arora et al., "Simple linear attention language models balance the recall-throughput
tradeoff" (arXiv 2402.18668), Based; the products of pairs are held once instead of twice.
"""

import torch
from torch import Tensor

from kexue_pipe.core.linear_parts import Feature


class Taylor2(Feature):
    """All monomials up to the second degree."""

    turns_input = True
    first: Tensor
    second: Tensor
    share: Tensor

    def __init__(self, *, head_width: int):
        super().__init__()
        first, second = torch.triu_indices(head_width, head_width)
        share = torch.where(first == second, 0.5, 1.0)
        self.register_buffer("first", first, persistent=False)  # (D (D + 1) / 2,)
        self.register_buffer("second", second, persistent=False)
        self.register_buffer("share", share, persistent=False)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Give the monomials of each."""
        return self._monomials(q), self._monomials(k)

    def _monomials(self, x: Tensor) -> Tensor:
        x = x * x.shape[-1] ** -0.25
        pairs = x[..., self.first] * (x[..., self.second] * self.share.sqrt())
        return torch.cat((torch.ones_like(x[..., :1]), x, pairs), dim=-1)
