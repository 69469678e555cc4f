"""RMS norm with a gradient of few passes over memory; on a CPU PyTorch composes one of many.

    y = g n,   n = x / r,   r = sqrt(mean_c x_c^2 + eps)
    dx = (g dy - n mean_c(g_c dy_c n_c)) / r,    dg = sum over tokens of dy n

    x, y  vectors before and after, (..., C)
    g     learned gain, (C,)

Source: Zhang, Sennrich, "Root Mean Square Layer Normalization" (arXiv 1910.07467).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class RMSNorm(nn.RMSNorm):
    """PyTorch's norm, trained faster on a CPU; elsewhere PyTorch has a fused kernel."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the vectors x (..., C)."""
        if not (x.is_cpu and torch.is_grad_enabled()):
            return super().forward(x)
        normalised: Tensor = _Normalise.apply(x, self.weight, self.eps)
        return normalised


class _Normalise(Function):
    @staticmethod
    def forward(context: Any, x: Tensor, gain: Tensor, eps: float) -> Tensor:
        inverse = torch.linalg.vecdot(x, x).div_(x.shape[-1]).add_(eps).rsqrt_()[..., None]
        normal = x * inverse
        context.save_for_backward(normal, inverse, gain)
        return normal * gain

    @staticmethod
    @once_differentiable
    def backward(context: Any, dy: Tensor) -> tuple[Tensor, Tensor, None]:
        normal, inverse, gain = context.saved_tensors
        dn = dy * gain
        along = torch.linalg.vecdot(dn, normal).div_(-normal.shape[-1])[..., None]
        dgain = (dy * normal).flatten(0, -2).sum(0)
        return dn.addcmul_(normal, along).mul_(inverse), dgain, None
