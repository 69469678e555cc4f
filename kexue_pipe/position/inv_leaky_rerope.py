"""Inverse Leaky ReRoPE: training stretches far distances, so that plain RoPE at test is in range.

    training:  s_ij = q_i . R(r_ij) k_j,   r_ij = i - j  where i - j < w,  else  w + (i - j - w) S
    test:      s_ij = q_i . R(i - j) k_j

    R(r)     rotation of pair m by the angle -r theta_m
    w        `window` training lengths, tokens
    S        `step`, distance units per token beyond the window; the post's 1 / k
    theta_m  frequency, radians per token, (D/2,)

The distances of training end at w + (N - 1 - w) S for N training tokens, about (1 - w/N) S times
as far: to test at T = 8 N, S is twice the extension factor. Only training pays for two score
matrices.

Source: Jianlin Su, "Transformer升级之路:13、逆用Leaky ReRoPE" (kexue.fm/archives/9728, 2023-08-14).

Departure: a larger base is `base` (the post's b8: 80000), in training and test alike.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import rotate, spectrum
from kexue_pipe.core.share import share


class InvLeakyRerope(Position):
    """Stretched distances in training mode, RoPE in evaluation mode."""

    theta: Tensor

    def __init__(
        self, *, head_width: int, base: float, window: float, step: float, train_length: int
    ):
        super().__init__()
        self.window = window * train_length
        self.step = step
        self.register_buffer("theta", spectrum(head_width, base), persistent=False)  # (D/2,)

    def with_frequencies(self, theta: Tensor) -> "InvLeakyRerope":
        """Give the same encoding with other frequencies, (D/2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions, as at test time."""
        return rotate(q, k, pos_q, pos_k, self.theta)

    def scores(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor | None:
        """Give the scores with stretched distances (B, H, T, S) in training, and None at test."""
        if not self.training:
            return None
        near_q, near_k = rotate(q, k, pos_q, pos_k, self.theta)
        # w + (i - j - w) S = (i S + w - w S) - j S
        shift = self.window * (1 - self.step)
        far_q, far_k = rotate(q, k, pos_q * self.step + shift, pos_k * self.step, self.theta)
        near = pos_q[:, None] - pos_k < self.window  # (T, S)
        return torch.where(near, near_q @ near_k.mT, far_q @ far_k.mT)
