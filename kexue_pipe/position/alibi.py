"""ALiBi: a penalty on the scores that grows linearly with distance, one fixed slope per head.

    s_ij <- s_ij - m_h (i - j),    m_h = 2^(-h E / H),    h = 1 ... H

    s_ij  scaled score of query i and key j
    m_h   slope of head h, 1 / token
    E     largest exponent, so that slopes run from 2^(-E/H) to 2^-E
    H     heads; when H is no power of two: the slopes for the power below, and then every other
          slope for twice that power, steepest first

A causal softmax cannot tell m_h (i - j) from the bias m_h j of the keys alone, which costs less.

Source: Press, Smith, Lewis, "Train Short, Test Long: Attention with Linear Biases Enables Input
Length Extrapolation" (arXiv 2108.12409); the rule for other H is in its released code.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position


class Alibi(Position):
    """Linear distance penalties, not learned."""

    slopes: Tensor

    def __init__(self, *, num_heads: int, max_exponent: float):
        super().__init__()
        power = 1 << (num_heads.bit_length() - 1)  # largest power of two <= H
        slopes = _geometric(power, max_exponent)
        if power < num_heads:
            between = _geometric(2 * power, max_exponent)[0::2]
            slopes = torch.cat((slopes, between[: num_heads - power]))
        self.register_buffer("slopes", slopes, persistent=False)  # (H,)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give -m_h (i - j), (1, H, T, S)."""
        distance = pos_q[:, None] - pos_k  # (T, S)
        return -self.slopes.to(q.dtype)[None, :, None, None] * distance.to(q.dtype)

    def key_bias(self, pos_k: Tensor) -> Tensor:
        """Give m_h (j - c), (1, H, 1, S), c the middle: float32 rounds large numbers."""
        centred = pos_k.double() - pos_k.double().mean()
        bias = self.slopes.double()[:, None, None] * centred  # (H, 1, S)
        return bias[None]


def _geometric(num_heads: int, max_exponent: float) -> Tensor:
    head = torch.arange(1, num_heads + 1, dtype=torch.float64)
    return 2.0 ** (-head * max_exponent / num_heads)
