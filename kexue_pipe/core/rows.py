"""What the metrics of attention rows must keep identical: the keys that count, and their shares.

Formula: p_j = |a_j| / sum_j |a_j| over the visible keys j of a row; L = number of visible keys.
Symbols: a (B, H, R, S) coefficients; p (B, H, R, S) float64, 0 at masked keys; L (R,) float64.
A masked key is not a zero: it counts in no length, rank or fraction. A row with L < 2, or whose
coefficients are all 0, has no distribution: its p is NaN, and so is every metric of it.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock


def visible_keys(block: RowBlock) -> Tensor:
    """Count the keys that each row may see, (R,) float64."""
    return block.mask.sum(-1).double()


def probabilities(block: RowBlock) -> Tensor:
    """Give the share of each key in its row, (B, H, R, S) float64."""
    size = block.weights.double().abs().masked_fill(~block.mask, 0.0)
    total = size.sum(-1, keepdim=True)
    total = total.masked_fill((block.mask.sum(-1) < 2)[:, None], torch.nan)
    return size / total


def distances(block: RowBlock) -> Tensor:
    """Give query index minus key index, (R, S) float64, 0 at masked keys."""
    keys = torch.arange(block.mask.shape[-1], device=block.mask.device)
    return (block.queries[:, None] - keys).double().masked_fill(~block.mask, 0.0)
