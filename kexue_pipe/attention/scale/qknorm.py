"""Normalised queries and keys: scores are cosines times a gain, or depend on one norm only.

    s_ij = tau_h cos(q_i, k_j)    both
    s_ij = tau_h |q_i| cos        key     (KeyNorm with tau = 1)
    s_ij = tau_h |k_j| cos        query

    q_i, k_j  query and key of head h, (D,)
    tau_h     gain: 1 (none), a number (fixed), or learned per head from that number;
              4 log(N / 2) by default
    N         training length, tokens

No D^(-1/2): norms are near sqrt(D) for unit-variance channels, so that one of them does its work.

Source: Jianlin Su, "Transformer升级之路:15、Key归一化助力长度外推" (kexue.fm/archives/9859,
2023-11-20) for key and query, and for both with a fixed gain; Henry et al., "Query-Key
Normalization for Transformers" (arXiv 2010.04245) for the learned one.
"""

from math import log

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from kexue_pipe.core.attention_parts import Scale

_EPS = 1e-6  # smallest norm that is divided by


class QKNorm(Scale):
    """Unit queries, unit keys or both, and a gain per head."""

    tau: Tensor  # (H,)

    def __init__(
        self, *, num_heads: int, train_length: int, which: str, gain: str, tau: float | None
    ):
        super().__init__()
        usual = 4 * log(train_length / 2) if tau is None else tau
        self.start = {"none": 1.0, "fixed": usual, "learned": usual}[gain]
        self.unit_query, self.unit_key = which in ("query", "both"), which in ("key", "both")
        tau_h = torch.full((num_heads,), float(self.start))
        if gain == "learned":
            self.tau = nn.Parameter(tau_h)
        else:
            self.register_buffer("tau", tau_h, persistent=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Start all heads at the same gain."""
        self.tau.fill_(self.start)

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise, and scale the queries of each head by its gain."""
        q = normalize(q, dim=-1, eps=_EPS) if self.unit_query else q
        k = normalize(k, dim=-1, eps=_EPS) if self.unit_key else k
        return q * self.tau[:, None, None], k
