"""The fraction of visible keys that an attention row all but ignores.

Formula: #{j : p_j < c / L} / L, between 0 (uniform) and 1 - 1/L.
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: 听说Attention与Softmax更配哦~ (post 9019, 2022-04-07);
axioms in Hurley & Rickard, Comparing Measures of Sparsity, arXiv 0811.4706.
Departures: the threshold follows the row's length, so that duplicated keys leave it unchanged.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import probabilities, visible_keys


def frac_below(block: RowBlock, *, c: float) -> Tensor:
    """Compute the share of keys below c times the uniform share in each row, (B, H, R)."""
    p = probabilities(block)
    count = visible_keys(block)
    below = (p < (c / count)[:, None]) & block.mask
    return (below.sum(-1) / count).masked_fill(p[..., 0].isnan(), torch.nan)
