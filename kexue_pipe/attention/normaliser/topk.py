"""Top-k softmax: only the k largest scores of a row count.

    p_ij = exp(s_ij) [s_ij >= t_i] / sum_l exp(s_il) [s_il >= t_i]   over l visible to i

    s_ij  score of query i and key j, after bias
    t_i   k-th largest visible score; rows with fewer keys keep all
    p_ij  coefficient of value j

Keys that tie with the k-th, up to rounding, stay, and so more than k may: else equal tokens would
be told apart by the order in which a product is summed.

Source: Zhao et al., "Explicit Sparse Transformer: Concentrated Attention Through Explicit
Selection" (arXiv 1912.11637); as "Sparse Softmax" in Jianlin Su, "通向概率分布之路:盘点Softmax
及其替代品" (kexue.fm/archives/10145, 2024-06-14).
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser

_TIES = 64  # roundings of a row's largest score that are no difference


class TopK(Normaliser):
    """Softmax over the k largest scores."""

    row_stochastic = True

    def __init__(self, *, k: int):
        super().__init__()
        self.k = k

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the k largest of the visible keys."""
        with torch.no_grad():
            largest = scores.abs().masked_fill(~visible, 0).amax(-1, keepdim=True)
        scores = scores.masked_fill(~visible, -torch.inf)
        threshold = scores.topk(min(self.k, scores.shape[-1]), dim=-1).values[..., -1:].detach()
        threshold = threshold - _TIES * torch.finfo(scores.dtype).eps * largest
        return scores.masked_fill(scores < threshold, -torch.inf).softmax(-1)
