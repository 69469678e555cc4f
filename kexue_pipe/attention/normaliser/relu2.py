"""Squared ReLU attention: keys that point away from the query get exactly nothing.

    p_ij = max(s_ij, 0)^2 / n_i

    s_ij  score of query i and key j, after bias
    p_ij  coefficient of value j
    n_i   keys that query i sees (visible), N (train_length), or what makes rows sum to one (sum);
          with `sum` a row without positive scores is zero
    N     training length, tokens

Source: Hua et al., "Transformer Quality in Linear Time" (arXiv 2202.10447) for visible; Jianlin Su,
"听说Attention与Softmax更配哦~" (kexue.fm/archives/9019, 2022-04-07) for the others, as cures
for long rows.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser

# squares (B, H, R, S), keys seen (R, 1), N -> what divides
_DIVISORS: dict[str, Callable[[Tensor, Tensor, int], Tensor | int]] = {
    "visible": lambda squares, seen, length: seen,
    "train_length": lambda squares, seen, length: length,
    "sum": lambda squares, seen, length: squares.sum(-1, keepdim=True).clamp(
        min=torch.finfo(squares.dtype).tiny
    ),
}


class Relu2(Normaliser):
    """Squares of positive scores over a number of keys."""

    row_stochastic = False

    def __init__(self, *, train_length: int, divide_by: str):
        super().__init__()
        self.train_length = train_length
        self.divisor = _DIVISORS[divide_by]

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Weigh the visible keys."""
        squares = scores.clamp(min=0).square().masked_fill(~visible, 0)
        return squares / self.divisor(squares, visible.sum(-1, keepdim=True), self.train_length)
