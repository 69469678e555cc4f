"""The fraction of visible keys that hold most of an attention row.

Formula: m / L with the smallest m for which p_(L) + ... + p_(L-m+1) >= share, in [1/L, 1].
Symbols: p (B, H, R, S) share of each visible key in its row, p_(L) the largest; share, 0.9.
Source: 听说Attention与Softmax更配哦~ (post 9019, 2022-04-07), which counts the keys that matter.
Departures: as `cover`. Since m is whole, duplicating every key may lower it by up to 1/(2 L).
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import covering, visible_keys


def cover_ratio(block: RowBlock, *, share: float) -> Tensor:
    """Give the fraction of keys that hold the share of each row, (B, H, R)."""
    return covering(block, share) / visible_keys(block)
