"""The Gini index of an attention row: the inequality of its shares.

Formula: G = 2 sum_k k p_(k) / L - (L + 1) / L with p_(1) <= ... <= p_(L), between 0 and 1 - 1/L.
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: Hurley & Rickard, Comparing Measures of Sparsity, arXiv 0811.4706;
如何度量数据的稀疏程度? (post 9595, 2023-05-05).
Departures: masked keys are sorted before all visible ones with share 0, and ranks start after them.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import inequality


def gini(block: RowBlock) -> Tensor:
    """Compute the Gini index of each row, (B, H, R)."""
    return inequality(block)
