"""The straight-through estimator: the gradient passes the choice of a row unchanged.

    z_q = z + sg(q - z)

z (N, D) are latents, q (N, D) their rows, sg stops the gradient: the value is q, and with
w = dL/dz_q the latent gets dL/dz = w and the row nothing.

Source: "Neural Discrete Representation Learning" (1711.00937), after Bengio et al. (1308.3432).
"""

import torch
from torch import Tensor

from kexue_pipe.core.straight_through import straight_through


class STE:
    """The gradient of the identity."""

    trains_table = False

    def __call__(self, z: Tensor, q: Tensor, generator: torch.Generator, training: bool) -> Tensor:
        """Give the rows with the gradient of the latents."""
        return straight_through(z, q)
