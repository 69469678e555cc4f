"""Sparsemax: the point of the simplex that is nearest to the scores.

    p_ij = max(s_ij - tau_i, 0),   tau_i such that p_i sums to one over the keys visible to i

    s_ij   score of query i and key j, after bias
    p_ij   coefficient of value j, exactly zero below tau_i
    tau_i  (sum of the k largest scores - 1) / k, for the largest k with 1 + k s_(k) > that sum

One key alone remains as soon as it leads by 1.

Source: Martins, Astudillo, "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label
Classification" (arXiv 1602.02068).
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser
from kexue_pipe.core.sorting import descending


class Sparsemax(Normaliser):
    """The Euclidean projection on the simplex."""

    row_stochastic = True

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Project the visible scores; the gradient is that of the mean over the support."""
        top = scores.detach().masked_fill(~visible, -torch.inf).amax(-1, keepdim=True)
        z = (scores - top).clamp(min=-1).masked_fill(~visible, -1)  # below -1 nothing is kept
        ordered = descending(z)
        size = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
        count = (1 + size * ordered > ordered.cumsum(-1)).sum(-1, keepdim=True)
        support = (z >= ordered.gather(-1, count - 1)) & (z > -1)
        tau = ((z * support).sum(-1, keepdim=True) - 1) / support.sum(-1, keepdim=True)
        return (z - tau).clamp(min=0) * support
