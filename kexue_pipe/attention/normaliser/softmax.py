"""Softmax: positive coefficients that sum to one, unchanged by a shift of the scores.

    p_ij = exp(s_ij) / sum_{l visible to i} exp(s_il)

    s_ij  score of query i and key j, after bias
    p_ij  coefficient of value j

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).
"""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from kexue_pipe.core.attention_parts import Normaliser


class Softmax(Normaliser):
    """Exponentials over their sum, with a fused kernel."""

    row_stochastic = True
    fused = True

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys."""
        hidden = ~visible
        columns = hidden.any(0).nonzero()[:, 0]
        if len(columns):  # of a causal block, only the last keys are hidden from some row
            part = slice(int(columns[0]), int(columns[-1]) + 1)
            scores[..., part].masked_fill_(hidden[:, part], -torch.inf)
        return scores.softmax(dim=-1)

    def mix(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, visible: Tensor | None
    ) -> Tensor:
        """Mix the values without holding the scores."""
        if visible is None:
            return scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=True, scale=1.0)
        mask = visible if bias is None else bias.masked_fill(~visible, -torch.inf)
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
