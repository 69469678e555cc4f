"""The delta rule: a key's new value replaces the one that the state holds for it.

    S_i = Diag(a_i) S_{i-1} + beta_i k_i (v_i - (Diag(a_i) S_{i-1})^T k_i)^T
    beta_i = beta_max sigmoid(w . x_i)

    q_i, k_i  features of query and key, divided by their lengths, (F,)
    v_i       value, (D,);  a_i  decay;  S_i  state, (F, D)
    x_i       token, (C,);  w  a map for each head, (C,)
    beta_i    share of the old value that is replaced; above 1 its sign turns

It is a step of gradient descent on |S^T k_i - v_i|^2 / 2; longer keys would make it diverge.

Source: Yang et al., "Parallelizing Linear Transformers with the Delta Rule over Sequence Length"
(arXiv 2406.06484); with a decay: Yang et al., "Gated Delta Networks: Improving Mamba2 with Delta
Rule" (arXiv 2412.06464); Jianlin Su, "线性注意力简史:从模仿、创新到反哺"
(kexue.fm/archives/11033, 2025-06-20).
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.linear_parts import Update

_EPS = 1e-6  # of the squared length: a key of zeros stays one


class Delta(Update):
    """One step of error correction per token."""

    additive = False

    def __init__(self, *, width: int, num_heads: int, beta_max: float):
        super().__init__()
        self.beta_max = beta_max
        self.gate = nn.Linear(width, num_heads, bias=False)

    def prepare(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Divide queries and keys by their lengths."""
        return _unit(q), _unit(k)

    def strength(self, x: Tensor) -> Tensor | None:
        """Give beta, (B, H, T, 1)."""
        return self.beta_max * self.gate(x).sigmoid().mT[..., None]

    def solve(self, overlaps: Tensor, strength: Tensor | None) -> Tensor:
        """Give (1 + Diag(beta) overlaps)^-1 Diag(beta)."""
        assert strength is not None
        right = torch.diag_embed(strength.squeeze(-1))
        return torch.linalg.solve_triangular(
            strength * overlaps, right, upper=False, unitriangular=True
        )

    def step(self, state: Tensor, k: Tensor, v: Tensor, strength: Tensor | None) -> Tensor:
        """Correct what the state answers to the key."""
        assert strength is not None
        return state + k.mT @ (strength * (v - k @ state))


def _unit(x: Tensor) -> Tensor:
    return x * (x.square().sum(-1, keepdim=True) + _EPS).rsqrt()
