"""The mass of the k largest shares of an attention row.

Formula: sum of p_(L), p_(L-1), ..., p_(L-k+1), between k/L (uniform) and 1.
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: 听说Attention与Softmax更配哦~ (post 9019, 2022-04-07).
Departures: a row with fewer than k visible keys has all of its mass in them: 1.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import ordered


def topk_mass(block: RowBlock, *, k: int) -> Tensor:
    """Compute the mass of the k largest shares of each row, (B, H, R)."""
    return ordered(block)[..., -k:].sum(-1)
