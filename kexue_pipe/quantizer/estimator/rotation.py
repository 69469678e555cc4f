"""The rotation trick: the gradient is turned and scaled as the latent is on its way to the row.

    z_q = sg(|q| / |z| R) z,    R = I - 2 r r' + 2 b a'
    a = z / |z|,  b = q / |q|,  r = (a + b) / |a + b|

z (N, D) are latents, q (N, D) their rows, sg stops the gradient. R is the rotation in the plane of
a and b with R a = b, so the value is q, and with w = dL/dz_q the latent gets |q| / |z| R' w: the
angle between the gradient and the vector is kept, and the row gets nothing. R is never built.

Where a norm is below 1e-6 there is no direction, and the gradient passes unchanged
(straight-through). Rows much shorter than the latents scale the gradient away.

Source: "Restructuring Vector Quantization with the Rotation Trick" (2410.06424); the post
*VQ的旋转技巧* (2024-10-24).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.straight_through import straight_through

TINY = 1e-6


class Rotation:
    """The gradient of the rotation and scaling that takes the latent to its row."""

    trains_table = False

    def __call__(self, z: Tensor, q: Tensor, generator: torch.Generator, training: bool) -> Tensor:
        """Give the rows with the turned gradient of the latents."""
        start, end = z.detach(), q.detach()
        length, wanted = (v.norm(dim=1, keepdim=True) for v in (start, end))  # (N, 1)
        a, b = start / length.clamp(min=TINY), end / wanted.clamp(min=TINY)
        r = F.normalize(a + b, dim=1, eps=TINY)
        turned = z - 2 * r * _dot(r, z) + 2 * b * _dot(a, z)
        undirected = torch.minimum(length, wanted) < TINY
        path = torch.where(undirected, z, wanted / length.clamp(min=TINY) * turned)
        return straight_through(path, q)  # exactly q, to the last bit


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1, keepdim=True)
