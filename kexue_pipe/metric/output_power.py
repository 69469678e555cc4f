"""The mean square of what an attention row gives, whose decrease with length can say a position.

Formula: mean_d (sum_j a_j v_jd)^2; sigma^2 / L for a uniform row over L independent values of mean
zero and variance sigma^2.
Symbols: a (B, H, R, S) coefficients of the visible keys; v (B, H, S, D) values; d = 0 ... D - 1.
Source: Decoder-only的LLM为什么需要位置编码 (post 10347, 2024-09-01); Chi et al., Latent Positional
Information is in the Self-Attention Variance of Transformer Language Models Without Positional
Embeddings, arXiv 2305.13571.
Departures: second moment instead of variance, as in the post; rows with L < 2 are undefined.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import coefficients, visible_keys


def output_power(block: RowBlock) -> Tensor:
    """Compute the mean square output of each row, (B, H, R) in squared units of the values."""
    weights = coefficients(block)
    power = (weights @ block.values.double()).square().mean(-1)
    empty = (weights == 0).all(-1) | (visible_keys(block) < 2)
    return power.masked_fill(empty, torch.nan)
