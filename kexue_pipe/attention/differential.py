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

from collections.abc import Iterator
from math import exp
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from kexue_pipe.core.attention_parts import (
    Layout,
    Mask,
    Normaliser,
    Scale,
    placed_scores,
    remember,
    row_slices,
)
from kexue_pipe.core.contracts import Attention, Position, RowBlock, State
from kexue_pipe.core.share import share

_EPS = 1e-5  # of the norm, as in the paper
_STD = 0.1  # of the vectors of lambda at the start


class DifferentialAttention(Attention):
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
        super().__init__()
        if layout.num_heads % 2:
            raise ValueError(f"num_heads = {layout.num_heads} does not split into pairs")
        self.layout = layout
        self.scale = scale
        self.normaliser = normaliser
        self.mask = mask
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

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the differences of query indices, over the keys up to the last of them."""
        B, T, _ = x.shape
        index = torch.arange(T, device=x.device)
        plain_q, plain_k, v = self.layout.project(x)
        v = _pair_values(v)
        plain_q = plain_q[:, :, queries]  # (B, H, R, D)
        scaled_q, scaled_k = self.scale(plain_q, plain_k, self.mask.count(queries))
        q, k = position.rotate(scaled_q, scaled_k, pos[queries], pos)
        for rows in row_slices(len(queries), B * q.shape[1] * T):
            keys = slice(0, int(queries[rows].max()) + 1)
            visible = self.mask.visible(queries[rows], index[keys])
            pos_q, pos_k = pos[queries[rows]], pos[keys]
            scores = position.scores(scaled_q[:, :, rows], scaled_k[:, :, keys], pos_q, pos_k)
            scores = q[:, :, rows] @ k[:, :, keys].mT if scores is None else scores
            bias = position.bias(plain_q[:, :, rows], pos_q, pos_k)
            weights = self._difference(scores if bias is None else scores + bias, visible)
            yield RowBlock(queries[rows], visible, weights, v[:, :, keys], False)

    def init_state(self, batch: int) -> State:
        """Keep the keys and values of no token, as the layout compresses them."""
        elements = self.layout.cache_elements_per_token()
        return (next(self.parameters()).new_zeros(batch, 0, elements),)

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Mix what the token sees; keys are kept as they are before position turns them."""
        query = torch.tensor([len(pos) - 1], device=x.device)
        kept, keys = remember(self.mask, state[0], self.layout.compress(x), len(pos) - 1)
        plain_q = self.layout.queries(x)
        k, v = self.layout.expand(kept)
        q, k = self.scale(plain_q, k, self.mask.count(query))
        scores = placed_scores(position, plain_q, q, k, pos[-1:], pos[keys])
        weights = self._difference(scores, self.mask.visible(query, keys))
        return self.merge(weights @ _pair_values(v)), (kept,)

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

    def _difference(self, scores: Tensor, visible: Tensor) -> Tensor:
        maps = self.normaliser.weights(scores, visible)
        (q1, k1, q2, k2) = self.vectors
        factor = (q1 @ k1).exp() - (q2 @ k2).exp() + self.start  # lambda
        return maps[:, 0::2] - factor * maps[:, 1::2]  # (B, H / 2, R, S)


def _pair_values(v: Tensor) -> Tensor:
    return torch.cat((v[:, 0::2], v[:, 1::2]), dim=-1)  # (B, H / 2, S, 2 D)
