"""The mass of an attention row on the first tokens of the sequence.

Formula: sum_{j < m0} p_j; a uniform row that sees them has m0 / L.
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: Xiao et al., Efficient Streaming Language Models with Attention Sinks, arXiv 2309.17453.
Departures: counts the shares of the visible keys only; mass on no key is `null_mass`.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import first


def sink_mass(block: RowBlock, *, m0: int) -> Tensor:
    """Compute the mass on the first m0 keys of each row, (B, H, R)."""
    return first(block)[..., :m0].sum(-1)
