"""Rotations of channel pairs: what all rotary encodings and their extensions share.

    x_2m + i x_{2m+1} is multiplied by  exp(i pos theta_m),  theta_m = base^(-2m/D),  m < D/2

Pairs are neighbours, so that a vector is D/2 complex numbers and turns in one pass over memory.

Source: Jianlin Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding"
(arXiv 2104.09864).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def frequencies(width: int, base: float) -> Tensor:
    """Give theta, (D/2,) radians per token, in float64."""
    exponent = -2.0 * torch.arange(width // 2, dtype=torch.float64) / width
    return base**exponent


def spectrum(width: int, base: float) -> Tensor:
    """Give the frequencies of vectors of an even width, (D/2,)."""
    if width % 2:
        raise ValueError(f"head_width = {width} does not split into pairs of channels")
    return frequencies(width, base)


def table(pos: Tensor, theta: Tensor, dtype: torch.dtype) -> Tensor:
    """Give the unit numbers that turn tokens at pos (T,), (T, D/2) complex."""
    # float64: in bfloat16 an angle is off by 0.7 rad at position 4096
    return units(pos.double()[:, None] * theta.double(), dtype)


def units(angle: Tensor, dtype: torch.dtype) -> Tensor:
    """Give exp(i angle), for vectors of a real dtype; there are no complex bfloat16 numbers."""
    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    return torch.polar(torch.ones_like(angle), angle).to(complex_dtype)


def rotate(
    q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: Tensor
) -> tuple[Tensor, Tensor]:
    """Turn queries (B, H, T, D) and keys (B, H, S, D) by pos theta, one id per token."""
    table_q = table(pos_q, theta, q.dtype)
    table_k = table_q if pos_k is pos_q else table(pos_k, theta, k.dtype)
    return turn(q, table_q), turn(k, table_k)


def turn(x: Tensor, factors: Tensor) -> Tensor:
    """Multiply the pairs of vectors (..., T, D) by complex factors (..., T, D/2)."""
    if factors.requires_grad:
        return _multiply(x, factors)
    turned: Tensor = _Turn.apply(x, factors)
    return turned


class _Turn(Function):
    """Fixed factors: the gradient turns back, where PyTorch would first copy it."""

    @staticmethod
    def forward(context: Any, x: Tensor, factors: Tensor) -> Tensor:
        context.save_for_backward(factors)
        return _multiply(x, factors)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (factors,) = context.saved_tensors
        return turn(gradient, factors.conj()), None


def _multiply(x: Tensor, factors: Tensor) -> Tensor:
    pairs = _even(x.to(factors.real.dtype)).unflatten(-1, (-1, 2))  # (..., T, D/2, 2)
    return torch.view_as_real(torch.view_as_complex(pairs) * factors).flatten(-2).to(x.dtype)


def _even(x: Tensor) -> Tensor:
    """Copy a view whose pairs do not stand where complex numbers may stand."""
    *steps, last = x.stride()
    odd = last != 1 or any(number % 2 for number in (x.storage_offset(), *steps))
    return x.contiguous() if odd else x
