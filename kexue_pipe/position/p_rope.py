"""p-RoPE: rotary embedding without the slowest frequencies, whose pairs do not turn at all.

    theta_m = base^(-2m/D) for the first floor(p D / 2) pairs,   0 for the others

    theta_m  frequency, radians per token, (D/2,); p = 1 is RoPE, p = 0 is no position

The slowest pairs turn by less than a full circle within the training length, and are used for
content. The control `stays: fast` lets the same number of the fastest pairs stand still.

Source: Barbero et al., "Round and Round We Go! What makes Rotary Positional Encodings useful?"
(arXiv 2410.06205).
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import rotate, spectrum
from kexue_pipe.core.share import share


class PRope(Position):
    """Rotation of queries and keys by a part of the spectrum."""

    theta: Tensor

    def __init__(self, *, head_width: int, base: float, p: float, stays: str):
        super().__init__()
        theta = spectrum(head_width, base)
        still = max(0, len(theta) - int(p * len(theta)))
        from_slow = torch.arange(len(theta)).flip(0)
        rank = {"slow": from_slow, "fast": from_slow.flip(0)}[stays]
        theta = theta.masked_fill(rank < still, 0.0)
        self.register_buffer("theta", theta, persistent=False)  # (D/2,)

    def with_frequencies(self, theta: Tensor) -> "PRope":
        """Give the same encoding with other frequencies, (D/2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions."""
        return rotate(q, k, pos_q, pos_k, self.theta)
