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


def spectrum(width: int, base: float) -> Tensor:
    """Give the frequencies of vectors of an even width, (D/2,)."""
    if width % 2:
        raise ValueError(f"head_width = {width} does not split into pairs of channels")
    return frequencies(width, base)


def table(pos: Tensor, theta: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Give the cosines and the signed sines of all angles, (T, D) each."""
    # float64: in bfloat16 an angle is off by 0.7 rad at position 4096
    return waves(pos.double()[:, None] * theta.double(), dtype)


def waves(angle: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Give the cosines and the signed sines of angles (..., D/2), (..., D) each."""
    cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(
    q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: Tensor
) -> tuple[Tensor, Tensor]:
    """Turn queries (B, H, T, D) and keys (B, H, S, D) by pos theta, one id per token."""
    table_q = table(pos_q, theta, q.dtype)
    table_k = table_q if pos_k is pos_q else table(pos_k, theta, k.dtype)
    return turn(q, *table_q), turn(k, *table_k)


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn vectors (..., T, D): (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin)."""
    return torch.addcmul(x.roll(x.shape[-1] // 2, dims=-1) * sin, x, cos)
