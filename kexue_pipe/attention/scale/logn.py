"""Log n scale: scores grow with the logarithm of the keys a query sees, to hold its entropy.

    s_ij = (log n_i / log base) q_i . k_j / sqrt(D)

    n_i       keys that query i sees, its own included; the factor of the first query is 0
    base      number of keys at which this is the usual scale
    q_i, k_j  query and key, (D,)

Source: Jianlin Su, "从熵不变性看Attention的Scale操作" (kexue.fm/archives/8823, 2021-12-21), whose
model was trained at 512 tokens.
"""

from math import log

from torch import Tensor

from kexue_pipe.core.attention_parts import Scale


class LogN(Scale):
    """log_base(n_i) D^(-1/2)."""

    def __init__(self, *, base: float):
        super().__init__()
        self.base = base

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Scale each query by the logarithm of what it sees."""
        factor = count.to(q.dtype).log() / log(self.base) * q.shape[-1] ** -0.5  # (T,)
        return q * factor[:, None], k
