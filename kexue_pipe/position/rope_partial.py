"""Partial rotary embedding: only the first channels turn, with a spectrum of their own.

    (R q)_c is turned for c < r D,  as in RoPE of width r D;  the other channels stay as they are
    theta_m = base^(-2m / (r D)),   m = 0 ... r D / 2 - 1

    r        `fraction` of the channels that turn, rounded to whole pairs
    theta_m  frequency, radians per token, (r D / 2,)

The channels that stay compare content at any distance.

Source: Black et al., "GPT-NeoX-20B: An Open-Source Autoregressive Language Model" (arXiv
2204.06745), where r = 1/4; Jianlin Su, "Transformer升级之路:18、RoPE的底数选择原则"
(kexue.fm/archives/10122, 2024-05-29).
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import rotate, spectrum
from kexue_pipe.core.share import share


class RopePartial(Position):
    """Rotation of the first channels of queries and keys."""

    theta: Tensor

    def __init__(self, *, head_width: int, base: float, fraction: float):
        super().__init__()
        pairs = round(fraction * head_width / 2)
        self.register_buffer("theta", spectrum(2 * pairs, base), persistent=False)  # (r D / 2,)

    def with_frequencies(self, theta: Tensor) -> "RopePartial":
        """Give the same encoding with other frequencies, (r D / 2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn the first channels of queries and keys by their positions."""
        width = 2 * len(self.theta)
        turned = rotate(q[..., :width], k[..., :width], pos_q, pos_k, self.theta)
        q, k = (torch.cat((t, x[..., width:]), -1) for t, x in zip(turned, (q, k), strict=True))
        return q, k
