"""The mean distance of an attention row, divided by that of a uniform row over the same keys.

Formula: sum_j p_j (i - j) / mean_j (i - j): below 1 is local, 1 is uniform.
Symbols: p (B, H, R, S) share of each visible key j in the row of query i.
Source: mean attention distance in Dosovitskiy et al.,
An Image is Worth 16x16 Words, arXiv 2010.11929.
Departures: divided by the uniform row's value, so that rows of different length compare.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import mean_distance, uniform_distance


def dist_ratio(block: RowBlock) -> Tensor:
    """Compute the mean distance of each row relative to uniform attention, (B, H, R)."""
    return mean_distance(block) / uniform_distance(block)
