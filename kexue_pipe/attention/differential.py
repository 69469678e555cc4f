"""Differential attention: each pair of heads subtracts what both of its maps see.

    o^p_i = (1 - l0) norm(sum_j a^p_ij [v^2p_j ; v^(2p+1)_j]),   a^p = A^2p - lambda A^(2p+1)
    lambda = exp(q1.k1) - exp(q2.k2) + l0

    A^h             rows of head h: normaliser of the scaled, rotated and biased scores, (T, T)
    a^p             coefficients of pair p, of any sign; rows sum to 1 - lambda
    v^h_j           value of head h, (D,); o^p_i, (2 D,), is the output of both heads
    q1, k1, q2, k2  learned vectors of the layer, (D,), drawn from N(0, 0.1^2)
    l0              `start`
    norm            x / rms(x) over the 2 D channels of a pair

Source: Ye et al., "Differential Transformer" (arXiv 2410.05258).

Departures: l0 is the same in all layers, where the paper's default rises from 0.2 to 0.8. The maps
of a pair are two heads of the layout, position and scale, so that their biases may differ.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from kexue_pipe.core.attention_parts import Layout, Mask, Normaliser, Scale, row_slices
from kexue_pipe.core.contracts import Attention, Position, RowBlock
from kexue_pipe.core.share import share

_EPS = 1e-5  # of the norm, as in the paper
_STD = 0.1  # of the vectors of lambda at the start


class DifferentialAttention(Attention):
    """A sequence mixer with a score matrix, whose heads act in pairs."""

    def __init__(
        self, *, layout: Layout, scale: Scale, normaliser: Normaliser, mask: Mask, start: float
    ):
        super().__init__()
        if layout.num_heads % 2:
            raise ValueError(f"num_heads = {layout.num_heads} does not split into pairs")
        self.layout = layout
        self.scale = scale
        self.normaliser = normaliser
        self.mask = mask
        self.start = start
        self.vectors = nn.Parameter(torch.zeros(4, layout.head_width))  # q1, k1, q2, k2

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the vectors of lambda."""
        self.vectors.copy_(torch.randn(self.vectors.shape, generator=generator) * _STD)

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens, in blocks of query rows."""
        return self.last_rows(x, pos, position, x.shape[1])

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the differences of query indices, over the keys up to the last of them."""
        B, T, _ = x.shape
        index = torch.arange(T, device=x.device)
        plain_q, plain_k, v = self.layout.project(x)
        v = torch.cat((v[:, 0::2], v[:, 1::2]), dim=-1)  # (B, H / 2, T, 2 D)
        plain_q = plain_q[:, :, queries]  # (B, H, R, D)
        scaled_q, scaled_k = self.scale(plain_q, plain_k, self.mask.count(queries))
        q, k = position.rotate(scaled_q, scaled_k, pos[queries], pos)
        (q1, k1, q2, k2) = self.vectors
        factor = (q1 @ k1).exp() - (q2 @ k2).exp() + self.start  # lambda
        for rows in row_slices(len(queries), B * q.shape[1] * T):
            keys = slice(0, int(queries[rows].max()) + 1)
            visible = self.mask.visible(queries[rows], index[keys])
            pos_q, pos_k = pos[queries[rows]], pos[keys]
            scores = position.scores(scaled_q[:, :, rows], scaled_k[:, :, keys], pos_q, pos_k)
            scores = q[:, :, rows] @ k[:, :, keys].mT if scores is None else scores
            bias = position.bias(plain_q[:, :, rows], pos_q, pos_k)
            maps = self.normaliser.weights(scores if bias is None else scores + bias, visible)
            weights = maps[:, 0::2] - factor * maps[:, 1::2]  # (B, H / 2, R, S)
            yield RowBlock(queries[rows], visible, weights, v[:, :, keys], False)

    def merge(self, mixed: Tensor) -> Tensor:
        """Normalise each pair, part it into its heads, join and project out."""
        mixed = rms_norm(mixed, mixed.shape[-1:], eps=_EPS) * (1 - self.start)
        heads = mixed.unflatten(-1, (2, -1)).transpose(2, 3).flatten(1, 2)
        return self.layout.merge(heads)

    def replace(self, **parts: Any) -> "DifferentialAttention":
        """Give a copy that shares all parameters and has other parts."""
        return share(self, **parts)

    def cache_elements_per_token(self) -> int:
        """Count keys and values; a window keeps a fixed number instead."""
        return self.layout.cache_elements_per_token() if self.mask.keys_kept is None else 0

    def state_elements(self) -> int:
        """Count the keys and values of a window."""
        return (self.mask.keys_kept or 0) * self.layout.cache_elements_per_token()
