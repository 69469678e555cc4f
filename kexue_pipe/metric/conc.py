"""The concentration of an attention row: its divergence from the uniform row, in nats.

Formula: conc = log L - H = KL(p || uniform), between 0 (uniform) and log L (one key).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: Theil's index of inequality;
axioms in Hurley & Rickard, Comparing Measures of Sparsity, arXiv 0811.4706.
Departures: none. Duplicating every key leaves it unchanged, so rows of different length compare.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import nats, visible_keys


def conc(block: RowBlock) -> Tensor:
    """Compute how far each row is from uniform, (B, H, R) nats."""
    return visible_keys(block).log() - nats(block)
