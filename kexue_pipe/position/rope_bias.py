"""Rotary embedding with biases: learned vectors are added to queries and keys before they turn.

    s_ij = (R_i (q_i + a)) . (R_j (k_j + b))
         = q_i . R_{j-i} k_j + a . R_{j-i} k_j + q_i . R_{j-i} b + a . R_{j-i} b

    a, b     learned vectors of each head, (H, D), 0 at the start
    theta_m  frequency of the rotation R, radians per token, (D/2,)

The last term is a function of distance alone, a learned decay that content cannot undo.

Source: Jianlin Su, "Bias项的神奇作用:RoPE + Bias = 更好的长度外推性" (kexue.fm/archives/9577,
2023-04-03).

Departures: a stands after the scale of the scores and not before; all layers share a and b.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import rotate, spectrum
from kexue_pipe.core.share import share


class RopeBias(Position):
    """Rotation of queries and keys to which learned vectors are added."""

    theta: Tensor

    def __init__(self, *, head_width: int, num_heads: int, base: float):
        super().__init__()
        self.register_buffer("theta", spectrum(head_width, base), persistent=False)  # (D/2,)
        self.q_bias = nn.Parameter(torch.zeros(num_heads, head_width))
        self.k_bias = nn.Parameter(torch.zeros(num_heads, head_width))

    def with_frequencies(self, theta: Tensor) -> "RopeBias":
        """Give the same biases with other frequencies, (D/2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Add the biases, and turn by the positions."""
        q, k = q + self.q_bias[:, None], k + self.k_bias[:, None]
        return rotate(q, k, pos_q, pos_k, self.theta)
