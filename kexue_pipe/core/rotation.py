"""Rotations of channel pairs: what all rotary encodings and their extensions share.

    (x_m, x_{m+D/2}) turns by the angle  pos theta_m,    theta_m = base^(-2m/D),  m = 0 ... D/2 - 1

Source: Jianlin Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding"
(arXiv 2104.09864), in the half-split layout of Llama.
"""

import torch
from torch import Tensor


def frequencies(width: int, base: float) -> Tensor:
    """Give theta, (D/2,) radians per token, in float64."""
    exponent = -2.0 * torch.arange(width // 2, dtype=torch.float64) / width
    return base**exponent


def table(pos: Tensor, theta: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Give the cosines and the signed sines of all angles, (T, D) each."""
    # float64: in bfloat16 an angle is off by 0.7 rad at position 4096
    angle = pos.double()[:, None] * theta.double()  # (T, D/2)
    cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn vectors (..., T, D): (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin)."""
    return torch.addcmul(x.roll(x.shape[-1] // 2, dims=-1) * sin, x, cos)
