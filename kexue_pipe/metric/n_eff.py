"""The effective support of an attention row: the number of keys of a uniform row of equal entropy.

Formula: n_eff = exp(H), between 1 (one key) and L (uniform).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: the Hill number of order 1 (Hill, Diversity and Evenness, Ecology 1973).
Departures: none. Its logarithm is `entropy`: the geometric mean over rows is exp of the mean of
`entropy`, whereas the sums of this metric pool to the arithmetic mean.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import nats


def n_eff(block: RowBlock) -> Tensor:
    """Compute the effective number of keys of each row, (B, H, R)."""
    return nats(block).exp()
