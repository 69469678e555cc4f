"""Scalable-softmax scale: scores grow with log n, by a factor that each head learns.

    s_ij = a_h log(n_i) q_i . k_j / sqrt(D),   a_h = 1 / log N at the start

    a_h       learned slope of head h
    n_i       keys that query i sees, its own included; the factor of the first query is 0
    N         training length, tokens: there it starts as the usual scale
    q_i, k_j  query and key, (D,)

A softmax of these is n^(a z) / sum n^(a z), with z the usual score.

Source: Nakanishi, "Scalable-Softmax Is Superior for Attention" (arXiv 2501.19399).

Departure: the paper starts at a_h = 0.43, which is 1 / log 10.
"""

from math import log

import torch
from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Scale


class SSMax(Scale):
    """a_h log(n_i) D^(-1/2)."""

    def __init__(self, *, num_heads: int, train_length: int):
        super().__init__()
        self.start = 1 / log(train_length)
        self.slope = nn.Parameter(torch.full((num_heads,), self.start))

    def initialise(self, generator: torch.Generator) -> None:
        """Start as the usual scale at the training length."""
        self.slope.fill_(self.start)

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Scale each query of each head by the logarithm of what it sees."""
        factor = self.slope[:, None] * count.to(q.dtype).log() * q.shape[-1] ** -0.5  # (H, T)
        return q * factor[..., None], k
