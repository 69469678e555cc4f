"""Clipped log n: scores grow with the logarithm of the keys beyond the trained number.

    q_i <- q_i max(1, log_b n_i)

    q_i  query, (D,)
    n_i  keys that query i sees, its own included
    b    keys at which the growth starts, N by default: nothing changes within the training length
    N    training length, tokens

It goes with every other extension that leaves an attention with a score matrix.

Source: Jianlin Su, "Transformer升级之路:11、将β进制位置进行到底" (kexue.fm/archives/9706,
2023-07-31).
"""

from math import log
from typing import Any

from torch import Tensor

from kexue_pipe.core.attention_parts import Scale


class Clipped(Scale):
    """A scale, and the clipped logarithm on top."""

    def __init__(self, scale: Scale, base: float):
        super().__init__()
        self.scale = scale
        self.base = base

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply the queries that see more keys than the base."""
        q, k = self.scale(q, k, count)
        factor = (count.to(q.dtype).log() / log(self.base)).clamp(min=1)  # (T,)
        return q * factor[:, None], k


def extend(model: Any, *, length: int, train_length: int, base: float | None) -> Any:
    """Sharpen the long rows of every layer."""
    base = float(train_length) if base is None else base
    attentions = [a.replace(scale=Clipped(a.scale, base)) for a in model.attentions]
    return model.replace(attentions=attentions)
