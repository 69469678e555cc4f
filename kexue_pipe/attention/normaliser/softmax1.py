"""Softmax plus one: a row may give its values less than it has, down to nothing.

    p_ij = exp(s_ij) / (1 + sum_{l visible to i} exp(s_il))

    s_ij  score of query i and key j, after bias
    p_ij  coefficient of value j; what a row lacks to one has gone to nothing

It is the softmax with one more key, whose score and value are zero.

Source: Miller, "Attention Is Off By One" (evanmiller.org/attention-is-off-by-one.html, 2023-07-24).
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser


class Softmax1(Normaliser):
    """Exponentials over one plus their sum."""

    row_stochastic = False

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys: softmax times Z / (1 + Z), with Z its denominator."""
        scores = scores.masked_fill(~visible, -torch.inf)
        return scores.softmax(-1) * scores.logsumexp(-1, keepdim=True).sigmoid()
