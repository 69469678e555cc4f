"""The mean distance from the query to what an attention row reads.

Formula: sum_j p_j (i - j), between 0 (itself) and i (the first token).
Symbols: p (B, H, R, S) share of each visible key j in the row of query i.
Source: mean attention distance in Dosovitskiy et al.,
An Image is Worth 16x16 Words, arXiv 2010.11929.
Departures: in tokens of a sequence instead of pixels.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import mean_distance


def dist_mean(block: RowBlock) -> Tensor:
    """Compute the mean distance of each row, (B, H, R) tokens."""
    return mean_distance(block)
