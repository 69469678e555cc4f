"""L2-normalised exponentials: the squares of a row sum to one, and its sum tells its length.

    p_ij = exp(s_ij) / sqrt(sum_{l visible to i} exp(2 s_il))

    s_ij  score of query i and key j, after bias
    p_ij  coefficient of value j; rows sum to between 1 and sqrt(n_i)
    n_i   keys that query i sees

With rows that sum to one and relative positions, equal tokens stay equal; here they need not.

Source: Jianlin Su, "相对位置编码Transformer的一个理论缺陷与对策" (kexue.fm/archives/9105,
2022-06-07).
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser


class L2(Normaliser):
    """Exponentials over the root of the sum of their squares."""

    row_stochastic = False

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys: softmax(s) / |softmax(s)|."""
        weights = scores.masked_fill(~visible, -torch.inf).softmax(-1)
        return weights / weights.norm(dim=-1, keepdim=True)  # the norm is >= n^(-1/2)
