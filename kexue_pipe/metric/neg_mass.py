"""The share of an attention row that is subtracted.

Formula: sum_{a_j < 0} |a_j| / sum_j |a_j|: 0 for softmax, up to 1 for signed coefficients.
Symbols: a (B, H, R, S) coefficients of the visible keys.
Source: Ye et al., Differential Transformer, arXiv 2410.05258, whose rows are signed.
Departures: a measure of this package; the paper gives no number for it.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import coefficients, probabilities


def neg_mass(block: RowBlock) -> Tensor:
    """Compute the mass on negative coefficients of each row, (B, H, R)."""
    return (probabilities(block) * (coefficients(block) < 0)).sum(-1)
