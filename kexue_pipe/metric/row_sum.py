"""The sum of the coefficients of an attention row.

Formula: sum_j a_j: 1 for softmax, less where mass goes to no key, anything for sigmoid or linear.
Symbols: a (B, H, R, S) coefficients of the visible keys, of any sign.
Source: Ramapuram et al., Theory, Analysis, and Best Practices for Sigmoid Self-Attention, arXiv
2409.04431, whose shift by -log n holds it near 1.
Departures: none.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import coefficients, collision


def row_sum(block: RowBlock) -> Tensor:
    """Add up the coefficients of each row, (B, H, R)."""
    return coefficients(block).sum(-1).masked_fill(collision(block).isnan(), torch.nan)
