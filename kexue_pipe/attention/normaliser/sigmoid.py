"""Sigmoid attention: each key is weighed by itself, and nothing makes a row sum to one.

    p_ij = sigma(s_ij - log n + b_h)

    s_ij  score of query i and key j in head h, after bias
    p_ij  coefficient of value j
    n     keys: N (train_length), or those that query i sees (visible); it keeps sums near 1
    b_h   zero, or learned from zero
    N     training length, tokens

Source: Ramapuram et al., "Theory, Analysis, and Best Practices for Sigmoid Self-Attention"
(arXiv 2409.04431), with n of the training.

Departure: no norm after the attention.
"""

from math import log

import torch
from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Normaliser


class Sigmoid(Normaliser):
    """Sigmoids of shifted scores."""

    row_stochastic = False
    shift: Tensor  # b, (H,)

    def __init__(self, *, num_heads: int, train_length: int, count: str, bias: str):
        super().__init__()
        self.fixed = {"train_length": log(train_length), "visible": None}[count]
        shift = torch.zeros(num_heads)
        if bias == "learned":
            self.shift = nn.Parameter(shift)
        else:
            self.register_buffer("shift", shift, persistent=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Start without a bias of the heads."""
        self.shift.zero_()

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Weigh the visible keys."""
        seen = visible.sum(-1, keepdim=True).to(scores.dtype).log()  # (R, 1)
        shift = self.shift[:, None, None] - (seen if self.fixed is None else self.fixed)
        return (scores + shift).sigmoid().masked_fill(~visible, 0)
