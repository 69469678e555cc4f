"""Ordinal position ids: the n-th token stands at n.

    pos_n = n,    n = 0 ... T - 1

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import PositionIds


class Ordinal(PositionIds):
    """The token index itself."""

    def forward(
        self, index: Tensor, grids: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """Give the indices, (T,)."""
        return index.float()
