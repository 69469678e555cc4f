"""Linear attention: a product of features in the place of exp(q.k), so that the past is one sum.

    o_i = sum_{j<=i} a_ij v_j,   a_ij = (R_i phi(q_i)) . (R_j phi(k_j)) / z_i
    z_i = phi(q_i) . sum_{j<=i} phi(k_j)

    phi   feature map, (D,) -> (F,), positive
    R     rotation of the position; the denominator z is not rotated, so that it stays positive
    a_ij  implied coefficient; negative ones occur where R is not the identity

    In chunks of c tokens, with the state S = sum_{j before the chunk} R_j phi(k_j) v_j^T (F, D),
    each chunk is mixed as a c x c matrix, plus what S holds: O(T) memory, exact.

Source: Katharopoulos et al., "Transformers are RNNs: Fast Autoregressive Transformers with Linear
Attention" (arXiv 2006.16236); rotation of the numerator alone: Jianlin Su et al., "RoFormer:
Enhanced Transformer with Rotary Position Embedding" (arXiv 2104.09864), section 3.3.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Feature, Layout, row_slices, touches_scores
from kexue_pipe.core.contracts import Attention, Position, RowBlock, State
from kexue_pipe.core.share import share

_CHUNK = 64  # tokens; shorter sequences are mixed as one matrix


class LinearAttention(Attention):
    """A sequence mixer whose state does not grow with the length."""

    def __init__(self, *, layout: Layout, feature: Feature):
        super().__init__()
        self.layout = layout
        self.feature = feature

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens chunk by chunk."""
        q, k, v = self._features(x, pos, position)
        numerator = chunked(*position.rotate(q, k, pos, pos), v, _CHUNK)
        return self.merge(numerator / _denominator(q, k.cumsum(dim=2)))

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the implied coefficients of query indices."""
        B, T, _ = x.shape
        index = torch.arange(T, device=x.device)
        q, k, v = self._features(x, pos, position)
        q = q[:, :, queries]  # (B, H, R, F)
        z = _denominator(q, k.cumsum(dim=2)[:, :, queries])  # (B, H, R, 1)
        rotated_q, rotated_k = position.rotate(q, k, pos[queries], pos)
        stochastic = rotated_q is q
        for rows in row_slices(len(queries), B * q.shape[1] * T):
            keys = slice(0, int(queries[rows].max()) + 1)
            visible = index[keys] <= queries[rows][:, None]
            weights = rotated_q[:, :, rows] @ rotated_k[:, :, keys].mT / z[:, :, rows]
            weights = weights.masked_fill(~visible, 0.0)
            yield RowBlock(queries[rows], visible, weights, v[:, :, keys], stochastic)

    def init_state(self, batch: int) -> State:
        """Start with empty sums of phi(k) v^T and of phi(k)."""
        D = self.layout.head_width
        empty = next(self.parameters()).new_zeros(batch, self.layout.num_heads, self._width())
        return empty[..., None].repeat(1, 1, 1, D), empty

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Add the token to the sums and read them."""
        q, k, v = self._features(x, pos[-1:], position)  # (B, H, 1, F or D)
        sums = state[1][:, :, None] + k  # (B, H, 1, F)
        rotated_q, rotated_k = position.rotate(q, k, pos[-1:], pos[-1:])
        past = state[0] + rotated_k.mT @ v  # (B, H, F, D)
        return self.merge(rotated_q @ past / _denominator(q, sums)), (past, sums[:, :, 0])

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.layout.merge(mixed)

    def replace(self, **parts: Any) -> "LinearAttention":
        """Give a copy that shares all parameters and has other parts."""
        return share(self, **parts)

    def cache_elements_per_token(self) -> int:
        """Count nothing: the past is in the state."""
        return 0

    def state_elements(self) -> int:
        """Count the sums of phi(k) v^T and of phi(k), H F (D + 1)."""
        return self.layout.num_heads * self._width() * (self.layout.head_width + 1)

    def _width(self) -> int:
        return self.feature(torch.zeros(self.layout.head_width)).shape[-1]  # F

    def _features(self, x: Tensor, pos: Tensor, position: Position) -> tuple[Tensor, ...]:
        q, k, v = self.layout.project(x)
        if touches_scores(position, q, k, pos):
            raise ValueError(
                f"{type(position).__name__} acts on scores, and linear attention has none"
            )
        return self.feature(q), self.feature(k), v


def chunked(q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
    """Give sum_{j<=i} (q_i . k_j) v_j, (B, H, T, D), in chunks of `size` tokens."""
    T = q.shape[2]
    causal = torch.ones(min(T, size), min(T, size), dtype=q.dtype, device=q.device).tril()
    mixed: list[Tensor] = []
    state: Tensor | None = None
    for q_c, k_c, v_c in zip(q.split(size, 2), k.split(size, 2), v.split(size, 2), strict=True):
        c = q_c.shape[2]
        inside = (q_c @ k_c.mT * causal[:c, :c]) @ v_c
        mixed.append(inside if state is None else inside + q_c @ state)
        if T > size:
            written = k_c.mT @ v_c  # (B, H, F, D)
            state = written if state is None else state + written
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=2)


def _denominator(q: Tensor, sums: Tensor) -> Tensor:
    # the floor is for a query whose features are all zero: it gives zeros, not NaN
    return (q * sums).sum(-1, keepdim=True).clamp(min=torch.finfo(q.dtype).tiny)
