"""The index S* of an attention row: its mean size over its root mean square.

Formula: S* = mean|a| / sqrt(mean a^2) = l1 / (sqrt(L) l2), in [L^-1/2, 1] (one key, uniform).
Symbols: a (B, H, R, S) coefficients, signed or unnormalised alike; L (R,) visible keys.
Source: 如何度量数据的稀疏程度? (post 9595, 2023-05-05);
注意力机制真的可以"集中注意力"吗? (post 9889, 2023-12-12).
Departures: computed on p = |a| / sum|a|, which gives the same value.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import collision, visible_keys


def s12(block: RowBlock) -> Tensor:
    """Compute l1 / (sqrt(L) l2) of each row, (B, H, R)."""
    return (visible_keys(block) * collision(block)).rsqrt()
