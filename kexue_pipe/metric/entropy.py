"""The entropy of an attention row: how many nats it takes to say which key is read.

Formula: H = -sum_j p_j log p_j, between 0 (one key) and log L (uniform).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: 从熵不变性看Attention的Scale操作 (post 8823, 2021-12-21).
Departures: none. Against length, its slope in log L is what matters: 1 at fixed concentration,
0 for entropy-invariant attention.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import nats


def entropy(block: RowBlock) -> Tensor:
    """Compute the entropy of each row, (B, H, R) nats."""
    return nats(block)
