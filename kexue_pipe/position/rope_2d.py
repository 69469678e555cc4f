"""Rotary embedding on several axes: each pair of channels turns by the coordinate of one axis.

    pair m turns by the angle  x_{a(m)} theta_m,    x = (row, column, frame) of the token

    a(m)     axis of pair m, of A axes: `axes`, which are any of row, column, frame
    theta_m  frequency, radians per unit of its axis, (D/2,)

    interleaved  pair m has axis m mod A,  theta_m = base^(-2m/D)
    split        each axis has a block of pairs, with the spectrum of the width of the block

Interleaved, a token at (n, n) turns exactly as RoPE turns a token at n, so text is as in one
dimension. Where D/2 is no multiple of A, the left-over pairs go to the first axes. Ids without axes
count on all of them.

Source: Jianlin Su, "Transformer升级之路:17、多模态位置编码的简单思考" (kexue.fm/archives/10040,
2024-03-29), and "“闭门造车”之多模态思路浅谈(三):位置编码" (kexue.fm/archives/10352, 2024-09-06).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.layouts import AXES
from kexue_pipe.core.rotation import frequencies, spectrum, turn, units
from kexue_pipe.core.share import share


class RopeAxes(Position):
    """Rotation of queries and keys by rows, columns and frames."""

    theta: Tensor
    axis: Tensor

    def __init__(self, *, head_width: int, axes: Sequence[str], base: float, channels: str):
        super().__init__()
        theta = spectrum(head_width, base)
        axis = torch.arange(len(theta)) % len(axes)
        counts = axis.bincount(minlength=len(axes))  # pairs of each axis
        own = torch.cat([frequencies(2 * int(count), base) for count in counts])
        choices = {"interleaved": (axis, theta), "split": (axis.sort().values, own)}
        axis, theta = choices[channels]
        columns = torch.tensor([AXES.index(name) for name in axes])
        self.register_buffer("axis", columns[axis], persistent=False)  # (D/2,)
        self.register_buffer("theta", theta, persistent=False)  # (D/2,)

    def with_frequencies(self, theta: Tensor) -> "RopeAxes":
        """Give the same encoding with other frequencies, (D/2,) radians per unit."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions, (T,) or (T, B, axes)."""
        return self._turn(q, pos_q), self._turn(k, pos_k)

    def _turn(self, x: Tensor, pos: Tensor) -> Tensor:
        if pos.dim() == 1:
            along = pos[:, None]  # (T, 1): the same on every axis
        else:
            along = pos[..., self.axis].transpose(0, 1)[:, None]  # (B, 1, T, D/2)
        return turn(x, units(along.double() * self.theta.double(), x.dtype))
