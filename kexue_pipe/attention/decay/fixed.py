"""A fixed decay per head: heads look back over windows of different lengths.

    a^h = 1 - 2^(-f - h),   h = 0 ... H - 1

    a^h  decay of head h, per token
    f    `first`: the fastest head forgets over 2^f tokens

On products of exponentials this is ALiBi with the slopes -log a^h.

Source: Sun et al., "Retentive Network: A Successor to Transformer for Large Language Models"
(arXiv 2307.08621).
"""

import torch
from torch import Tensor

from kexue_pipe.core.linear_parts import Decay


class FixedDecay(Decay):
    """Windows that double from head to head."""

    log: Tensor

    def __init__(self, *, num_heads: int, first: float):
        super().__init__()
        rates = torch.exp2(-first - torch.arange(num_heads, dtype=torch.float64))
        log = torch.log1p(-rates).float()[:, None, None]
        self.register_buffer("log", log, persistent=False)  # (H, 1, 1)

    def forward(self, x: Tensor) -> Tensor | None:
        """Give the same log decays for every token, (1, H, T, 1)."""
        return self.log[None].expand(-1, -1, x.shape[1], -1)
