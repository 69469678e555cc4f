"""The largest share of an attention row.

Formula: pmax = max_j p_j = exp of minus the min-entropy, between 1/L (uniform) and 1 (one key).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: Renyi's entropy of infinite order;
axioms in Hurley & Rickard, Comparing Measures of Sparsity, arXiv 0811.4706.
Departures: none. Not replication invariant: it compares rows of one length only.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import largest


def pmax(block: RowBlock) -> Tensor:
    """Compute the largest share of each row, (B, H, R)."""
    return largest(block)
