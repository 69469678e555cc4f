"""Attention with a score for every pair of tokens: what `softmax` and `differential` share.

    s_ij = lambda_i (R_i q_i) . (R_j k_j) + b_ij,   o_i = sum_j a_ij u_j

q, k and v are queries, keys and values of the layout, lambda the scale, R and b rotation and bias
of the position; `weights` gives the coefficients a of scores (H maps, or fewer), `values` their
values u.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import (
    Layout,
    Mask,
    Normaliser,
    Scale,
    Score,
    placed_scores,
    remember,
    row_slices,
)
from kexue_pipe.core.contracts import Attention, Position, RowBlock, State
from kexue_pipe.core.share import share


class ScoredAttention(Attention):
    """A sequence mixer that has a score matrix, which is never held as a whole."""

    def __init__(self, *, layout: Layout, scale: Scale, normaliser: Normaliser, mask: Mask):
        super().__init__()
        self.layout = layout
        self.scale = scale
        self.normaliser = normaliser
        self.mask = mask

    @property
    def row_stochastic(self) -> bool:
        """Tell whether coefficients are >= 0 and sum to one."""
        return self.normaliser.row_stochastic

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Give the coefficients of scores (B, H, R, S), which may be overwritten."""
        return self.normaliser.weights(scores, visible)

    def values(self, v: Tensor) -> Tensor:
        """Give what the coefficients are applied to, from the values (B, H, S, D)."""
        return v

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the coefficients of query indices, over the keys up to the last of them."""
        score, v = self.scores(x, pos, position, queries)
        size = len(x) * self.layout.num_heads * x.shape[1]
        for rows in row_slices(len(queries), size):
            keys = slice(0, int(queries[rows].max()) + 1)
            scores, visible = score(rows, keys)
            weights = self.weights(scores, visible)
            yield RowBlock(queries[rows], visible, weights, v[:, :, keys], self.row_stochastic)

    def scores(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> tuple[Score, Tensor]:
        """Give a function to the scores of some of the queries with some keys, and the values."""
        index = torch.arange(x.shape[1], device=x.device)
        plain_q, plain_k, v = self.layout.project(x)
        plain_q = plain_q[:, :, queries]  # (B, H, R, D)
        scaled_q, scaled_k = self.scale(plain_q, plain_k, self.mask.count(queries))
        q, k = position.rotate(scaled_q, scaled_k, pos[queries], pos)

        def score(rows: slice, keys: slice) -> tuple[Tensor, Tensor]:
            pos_q, pos_k = pos[queries[rows]], pos[keys]
            scores = position.scores(scaled_q[:, :, rows], scaled_k[:, :, keys], pos_q, pos_k)
            scores = q[:, :, rows] @ k[:, :, keys].mT if scores is None else scores
            bias = position.bias(plain_q[:, :, rows], pos_q, pos_k)
            scores = scores if bias is None else scores + bias
            return scores, self.mask.visible(queries[rows], index[keys])

        return score, self.values(v)

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
        weights = self.weights(scores, self.mask.visible(query, keys))
        return self.merge(weights @ self.values(v)), (kept,)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.layout.merge(mixed)

    def replace(self, **parts: Any) -> "ScoredAttention":
        """Give a copy that shares all parameters and has other parts."""
        return share(self, **parts)

    def cache_elements_per_token(self) -> int:
        """Count keys and values; a window keeps a fixed number instead."""
        return self.layout.cache_elements_per_token() if self.mask.keys_kept is None else 0

    def state_elements(self) -> int:
        """Count the keys and values of a window."""
        return (self.mask.keys_kept or 0) * self.layout.cache_elements_per_token()
