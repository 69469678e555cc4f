"""Sinusoidal absolute positions, added to the token embeddings.

    x_i <- x_i + scale * p_i,   p_i[2m] = sin(i theta_m),   p_i[2m+1] = cos(i theta_m)
    theta_m = base^(-2m/C),     m = 0 ... C/2 - 1

    x_i      token embedding, (C,), standard deviation 0.02 at the start
    p_i      position vector, (C,), of norm sqrt(C/2)
    theta_m  frequency, radians per token
    scale    learned scalar, C^(-1/2) at the start

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).

Departure: the paper multiplies the embeddings by sqrt(C) instead; here p is multiplied by the
reciprocal, which is learned. Without either, amplitude 1 drowns embeddings of 0.02.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position


class Sinusoidal(Position):
    """Sines and cosines of the position, added once at the bottom."""

    theta: Tensor

    def __init__(self, *, width: int, base: float):
        super().__init__()
        if width % 2:
            raise ValueError(f"width = {width} does not split into pairs of sine and cosine")
        exponent = torch.arange(0, width, 2, dtype=torch.float64) / width
        self.register_buffer("theta", base**-exponent, persistent=False)  # (C/2,)
        self.scale = nn.Parameter(torch.tensor(width**-0.5))
        self.width = width

    def initialise(self, generator: torch.Generator) -> None:
        """Set the scale to C^(-1/2)."""
        self.scale.fill_(self.width**-0.5)

    def embed(self, x: Tensor, pos: Tensor) -> Tensor:
        """Add the scaled position vectors."""
        angle = pos.double()[:, None] * self.theta.double()  # (T, C/2)
        table = torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)  # (T, C)
        return x + self.scale * table.to(x.dtype)
