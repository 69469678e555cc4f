"""Taylor features: their products are the first three terms of the exponential of the score.

    phi(x) = [1 ; x' ; x'_a^2 / sqrt(2) ; x'_a x'_b for a < b],   x' = D^(-1/4) x
    so that  phi(q) . phi(k) = 1 + s + s^2 / 2 > 0,   s = q . k / sqrt(D)

    x  query or key, (D,);  phi(x)  (1 + D + D (D + 1) / 2,)

Source: Arora et al., "Simple linear attention language models balance the recall-throughput
tradeoff" (arXiv 2402.18668), Based; the products of pairs are held once instead of twice.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from kexue_pipe.core.linear_parts import Feature


class Taylor2(Feature):
    """All monomials up to the second degree."""

    turns_input = True
    closed = True
    one: Tensor
    other: Tensor

    def __init__(self, *, head_width: int):
        super().__init__()
        # one product with chosen columns is faster, both ways, than reading them by index
        first, second = torch.triu_indices(head_width + 1, head_width + 1)  # (F,), 0 stands for 1
        chosen = torch.eye(head_width + 1)
        share = torch.where((first == second) & (first > 0), 0.5, 1.0)
        self.register_buffer("one", chosen[:, first], persistent=False)  # (D + 1, F)
        self.register_buffer("other", chosen[:, second] * share, persistent=False)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Give the monomials of each."""
        return self._monomials(q), self._monomials(k)

    def overlap(self, q: Tensor, k: Tensor) -> Tensor:
        """Give 1 + s + s^2 / 2 as ((1 + s)^2 + 1) / 2."""
        return ((q * q.shape[-1] ** -0.5) @ k.mT + 1).square() / 2 + 0.5

    def _monomials(self, x: Tensor) -> Tensor:
        x = pad(x * x.shape[-1] ** -0.25, (1, 0), value=1.0)
        return (x @ self.one) * (x @ self.other.sqrt())
