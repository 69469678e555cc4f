"""The mass of an attention row on the last keys.

Formula: sum_{i - j < w} p_j; a causal uniform row has min(1, w / L).
Symbols: p (B, H, R, S) share of each visible key j in the row of query i.
Source: Transformer升级之路:7、长度外推性与局部注意力 (post 9431, 2023-01-12).
Departures: none.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import distances, probabilities


def local_mass(block: RowBlock, *, w: int) -> Tensor:
    """Compute the mass on the w nearest keys of each row, (B, H, R)."""
    near = (distances(block) < w) & block.mask
    return (probabilities(block) * near).sum(-1)
