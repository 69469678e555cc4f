"""A constant scale: scores of unit-variance queries and keys get standard deviation c.

    s_ij = c q_i . k_j / sqrt(D)

    q_i, k_j  query and key, (D,)
    c         `factor`; near 0.84 sqrt(log n) the estimate c (1 - exp(c^2) / n) of the gradient that
              a softmax over n such scores lets through is largest

Source: Jianlin Su, "从梯度最大化看Attention的Scale操作" (kexue.fm/archives/9812, 2023-10-22).
"""

from torch import Tensor

from kexue_pipe.core.attention_parts import Scale


class Const(Scale):
    """c D^(-1/2), whatever the number of keys."""

    def __init__(self, *, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Scale the queries by c D^(-1/2)."""
        return q * (self.factor * q.shape[-1] ** -0.5), k
