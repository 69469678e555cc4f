"""DiVeQ: the error keeps its length with a gradient and its direction, made noisy, without one.

    z_q = z + |e| sg(v / |v|),    e = q - z,  v = e + noise,  noise ~ N(0, sigma2 I)

z (N, D) are latents, q (N, D) their rows, sg stops the gradient. Latent and row both learn from the
decoder, so there is no auxiliary loss. Without noise the value is q and with w = dL/dz_q and u the
direction of e the gradient is split: the row gets u u' w, along the error, and the latent the rest.
Outside of training z_q = q. |v| below 1e-6 counts as 1e-6: e = 0 has no direction.

Source: "DiVeQ: Differentiable Vector Quantization Using the Reparameterization Trick" (2509.26469);
the post *DiVeQ* (2025-10-08), which prefers sigma2 = 0. It does not revive unused rows.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

TINY = 1e-6


class DiVeQ:
    """The gradient through the length of the error."""

    trains_table = True

    def __init__(self, *, sigma2: float) -> None:
        self.sigma = sigma2**0.5

    def __call__(self, z: Tensor, q: Tensor, generator: torch.Generator, training: bool) -> Tensor:
        """Give latents moved by the length of the error, in training in a noisy direction."""
        if not training:
            return q
        e = q - z
        noise = torch.randn(z.shape, generator=generator, device=generator.device).to(z)
        direction = F.normalize((e + self.sigma * noise).detach(), dim=1, eps=TINY)
        return z + e.norm(dim=1, keepdim=True) * direction
