"""The participation ratio of an attention row: its support as the second moment sees it.

Formula: pr = 1 / sum_j p_j^2, between 1 (one key) and L (uniform).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: the Hill number of order 2 (Hill, Diversity and Evenness, Ecology 1973).
Departures: none. It grows with L at equal concentration (pr = L S*^2), so it compares rows of one
length only.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import collision


def pr(block: RowBlock) -> Tensor:
    """Compute the participation ratio of each row, (B, H, R)."""
    return collision(block).reciprocal()
