"""The number of keys that hold most of an attention row.

Formula: the smallest m with p_(L) + ... + p_(L-m+1) >= share, between 1 (one key) and L.
Symbols: p (B, H, R, S) share of each visible key in its row, p_(L) the largest; share, 0.9.
Source: 听说Attention与Softmax更配哦~ (post 9019, 2022-04-07), which counts the keys that matter.
Departures: sums within 1e-12 of the share reach it, as exact arithmetic would have it.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import covering


def cover(block: RowBlock, *, share: float) -> Tensor:
    """Count the keys that hold the share of each row, (B, H, R)."""
    return covering(block, share)
