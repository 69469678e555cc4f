"""A gated decay per head: each token decides how much of the past a head keeps.

    log a^h_i = -exp(A^h) d^h_i,   d^h_i = softplus(w^h . x_i + b^h)

    x_i  token, (C,);  w^h  its map, (C,)
    A^h  learned, 0 at the start
    b^h  learned; at the start a share `kept` of a state is left after N tokens where w.x = 0
    d    step size; `discretised`, values are written as d v, as in a state-space model

Source: Dao, Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through
Structured State Space Duality" (arXiv 2405.21060), Mamba-2; without the step size on the values:
Yang et al., "Gated Delta Networks: Improving Mamba2 with Delta Rule" (arXiv 2412.06464).

Departure: b starts from N and not from a range of step sizes, and A from 0 instead of log 1 ... 16.
"""

from collections.abc import Sequence
from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from kexue_pipe.core.linear_parts import Decay


class ScalarGate(Decay):
    """One learned decay per head and token."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        train_length: int,
        kept: Sequence[float],
        discretised: bool,
    ):
        super().__init__()
        rates = [-log(kept[h % len(kept)]) / train_length for h in range(num_heads)]
        self.starts = [log(expm1(rate)) for rate in rates]
        self.discretised = discretised
        self.gate = nn.Linear(width, num_heads, bias=False)
        self.offset = nn.Parameter(torch.zeros(num_heads))  # b
        self.log_rate = nn.Parameter(torch.zeros(num_heads))  # A

    def initialise(self, generator: torch.Generator) -> None:
        """Set the gates open."""
        self.offset.copy_(torch.tensor(self.starts))
        self.log_rate.zero_()

    def forward(self, x: Tensor) -> Tensor | None:
        """Give log decays, (B, H, T, 1)."""
        return -self.log_rate.exp()[:, None, None] * self._steps(x)

    def step_size(self, x: Tensor) -> Tensor | None:
        """Give d where it scales the values, (B, H, T, 1)."""
        return self._steps(x) if self.discretised else None

    def _steps(self, x: Tensor) -> Tensor:
        return softplus(self.gate(x) + self.offset).mT[..., None]
