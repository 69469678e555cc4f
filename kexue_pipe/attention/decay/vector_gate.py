"""A gated decay per feature: each token decides which features of the past a head keeps.

    log a_i = logsigmoid(W_2 W_1 x_i + b) / tau

    x_i  token, (C,);  a_i  decays of all heads, (H D,)
    W_1  (r, C),  W_2  (H D, r), r = `rank`
    b    learned; at the start a share `kept` of a state is left after N tokens where W_1 x = 0
    tau  divides all log decays

Source: Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient Training" (arXiv
2312.06635).

Departure: b starts from N, and not at 0.
"""

from collections.abc import Sequence
from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from kexue_pipe.core.linear_parts import Decay


class VectorGate(Decay):
    """One learned decay per head, feature and token."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        head_width: int,
        train_length: int,
        kept: Sequence[float],
        rank: int,
        tau: float,
    ):
        super().__init__()
        rates = [-log(kept[h % len(kept)]) / train_length for h in range(num_heads)]
        self.starts = [-log(expm1(tau * rate)) for rate in rates]
        self.num_heads = num_heads
        self.tau = tau
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, num_heads * head_width, bias=False)
        self.offset = nn.Parameter(torch.zeros(num_heads, head_width))  # b

    def initialise(self, generator: torch.Generator) -> None:
        """Set the gates open."""
        self.offset.copy_(torch.tensor(self.starts)[:, None])

    def forward(self, x: Tensor) -> Tensor | None:
        """Give log decays, (B, H, T, D)."""
        gates = self.up(self.down(x)).unflatten(-1, (self.num_heads, -1)) + self.offset
        return logsigmoid(gates).transpose(1, 2) / self.tau
