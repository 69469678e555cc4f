"""The usual scale: scores of independent unit-variance queries and keys get variance one.

    s_ij = q_i . k_j / sqrt(D)

    q_i, k_j  query and key, (D,)

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).
"""

from torch import Tensor

from kexue_pipe.core.attention_parts import Scale


class RSqrt(Scale):
    """D^(-1/2), whatever the number of keys."""

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Scale the queries by D^(-1/2)."""
        return q * q.shape[-1] ** -0.5, k
