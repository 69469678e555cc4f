"""The entropy of an attention row as a share of the most that its length allows.

Formula: H / log L, between 0 (one key) and 1 (uniform).
Symbols: p (B, H, R, S) share of each visible key in its row; L (R,) visible keys.
Source: Pielou's evenness;
axioms in Hurley & Rickard, Comparing Measures of Sparsity, arXiv 0811.4706.
Departures: none. Not replication invariant: it drifts with L at equal concentration, so it compares
rows of one length only.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import nats, visible_keys


def entropy_norm(block: RowBlock) -> Tensor:
    """Compute the normalised entropy of each row, (B, H, R)."""
    return nats(block) / visible_keys(block).log()
