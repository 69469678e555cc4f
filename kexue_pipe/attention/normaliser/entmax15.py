"""Entmax at alpha = 1.5: half-way from softmax to sparsemax, with exact zeros and a smooth edge.

    p_ij = max(s_ij / 2 - tau_i, 0)^2,   tau_i such that p_i sums to one over the keys visible to i

    s_ij   score of query i and key j, after bias
    p_ij   coefficient of value j, exactly zero below 2 tau_i
    tau_i  m_k - sqrt((1 - k V_k) / k), of mean m_k and variance V_k of the k largest s / 2, where k
           counts the r for which the r-th largest is not below the tau of the r largest

One key alone remains as soon as it leads by 2.

Source: Peters, Niculae, Martins, "Sparse Sequence-to-Sequence Models" (arXiv 1905.05702).
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser
from kexue_pipe.core.sorting import descending


class Entmax15(Normaliser):
    """Squares of what is above a threshold."""

    row_stochastic = True

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys; the gradient is that of the threshold's formula."""
        top = scores.detach().masked_fill(~visible, -torch.inf).amax(-1, keepdim=True)
        z = ((scores - top) / 2).clamp(min=-1).masked_fill(~visible, -1)  # below -1 nothing is kept
        ordered = descending(z)
        size = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
        mean = ordered.cumsum(-1) / size
        spread = ordered.square().cumsum(-1) - size * mean.square()
        taus = mean - ((1 - spread) / size).clamp(min=0).sqrt()
        count = (taus <= ordered).sum(-1, keepdim=True)
        support = (z >= ordered.gather(-1, count - 1)) & (z > -1)
        count = support.sum(-1, keepdim=True)
        mean = (z * support).sum(-1, keepdim=True) / count
        spread = ((z - mean).square() * support).sum(-1, keepdim=True)
        tau = mean - ((1 - spread) / count).sqrt()  # on the support, 1 - spread >= 1 / count
        return (z - tau).clamp(min=0).square() * support
