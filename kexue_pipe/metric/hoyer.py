"""Hoyer's sparseness of an attention row: l1 / l2 mapped to the unit interval.

Formula: (sqrt(L) - l1/l2) / (sqrt(L) - 1), between 0 (uniform) and 1 (one key).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: Hoyer, Non-negative Matrix Factorization with Sparseness Constraints, arXiv cs/0408058;
Hurley & Rickard, Comparing Measures of Sparsity, arXiv 0811.4706.
Departures: none. Not replication invariant: it compares rows of one length only, unlike `s12`.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import collision, visible_keys


def hoyer(block: RowBlock) -> Tensor:
    """Compute Hoyer's sparseness of each row, (B, H, R)."""
    root = visible_keys(block).sqrt()
    ratio = collision(block).rsqrt()  # l1 / l2, since l1 is 1
    return (root - ratio) / (root - 1)
