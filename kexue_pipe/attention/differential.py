"""Differential attention: each pair of heads subtracts what both of its maps see.

    o^p_i = (1 - l0) norm(sum_j a^p_ij [v^2p_j ; v^(2p+1)_j]),   a^p = A^2p - lambda A^(2p+1)
    lambda = exp(q1.k1) - exp(q2.k2) + l0

    A^h             rows of head h: normaliser of the scaled, rotated and biased scores, (T, T)
    a^p             coefficients of pair p, of any sign; rows sum to 1 - lambda
    v^h_j           value of head h, (D,); o^p_i, (2 D,), is the output of both heads
    q1, k1, q2, k2  learned vectors of the layer, (D,), drawn from N(0, 0.1^2)
    l0              last - (last - first) exp(-rate l) in layer l = 0, 1, ...
    norm            x / rms(x) over the 2 D channels of a pair

Source: Ye et al., "Differential Transformer" (arXiv 2410.05258).

Departure: the maps of a pair are two heads of the layout, position and scale, so that their biases
may differ.
"""

from math import exp

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from kexue_pipe.core.attention_parts import Layout, Mask, Normaliser, Scale
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.scored_attention import ScoredAttention
from kexue_pipe.core.share import share

_EPS = 1e-5  # of the norm, as in the paper
_STD = 0.1  # of the vectors of lambda at the start


class DifferentialAttention(ScoredAttention):
    """A sequence mixer with a score matrix, whose heads act in pairs."""

    def __init__(
        self,
        *,
        layout: Layout,
        scale: Scale,
        normaliser: Normaliser,
        mask: Mask,
        first: float,
        last: float,
        rate: float,
    ):
        super().__init__(layout=layout, scale=scale, normaliser=normaliser, mask=mask)
        if layout.num_heads % 2:
            raise ValueError(f"num_heads = {layout.num_heads} does not split into pairs")
        self.first, self.last, self.rate = first, last, rate
        self.start = first
        self.vectors = nn.Parameter(torch.zeros(4, layout.head_width))  # q1, k1, q2, k2

    def place(self, layer: int, num_layers: int) -> "DifferentialAttention":
        """Give the attention of a layer, which starts at its own weight."""
        start = self.last - (self.last - self.first) * exp(-self.rate * layer)
        return share(self, start=start)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the vectors of lambda."""
        self.vectors.copy_(torch.randn(self.vectors.shape, generator=generator) * _STD)

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens, in blocks of query rows."""
        return self.last_rows(x, pos, position, x.shape[1])

    @property
    def row_stochastic(self) -> bool:
        """A difference of rows has coefficients of any sign."""
        return False

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Give the difference of the two maps of each pair, (B, H / 2, R, S)."""
        maps = self.normaliser.weights(scores, visible)
        (q1, k1, q2, k2) = self.vectors
        factor = (q1 @ k1).exp() - (q2 @ k2).exp() + self.start  # lambda
        return maps[:, 0::2] - factor * maps[:, 1::2]

    def values(self, v: Tensor) -> Tensor:
        """Join the values of each pair, (B, H / 2, S, 2 D)."""
        return torch.cat((v[:, 0::2], v[:, 1::2]), dim=-1)

    def merge(self, mixed: Tensor) -> Tensor:
        """Normalise each pair, part it into its heads, join and project out."""
        mixed = rms_norm(mixed, mixed.shape[-1:], eps=_EPS) * (1 - self.start)
        heads = mixed.unflatten(-1, (2, -1)).transpose(2, 3).flatten(1, 2)
        return self.layout.merge(heads)
