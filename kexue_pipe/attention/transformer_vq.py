"""Attention to quantised keys: softmax attention whose cost is linear in the length.

    o_i = sum_{j<=i} p_ij v_j,   p_i = softmax_j(s_ij),   c_j = the row of E that is nearest to k_j
    s_ij = (R_i q_i) . (R_j c_j)  where i - j < l,   q_i . c_j  elsewhere

    q, k, v   queries, keys and values of the layout after the scale, (B, H, T, D)
    E         table of a head, (K, D): a buffer of moving averages, in training
    R         rotation of the position, which acts within a window of l tokens only: rotated keys
              that have one code would differ

Far keys of one code have one score, so their weights need only be counted. In blocks of l tokens
    p_i v = softmax([s_ij of this block and the one before, q_i . e_k + ln M_k]) [v ; U]
with M_k (K,) the number of keys of code k before these two blocks and U_k (K, D) the mean of their
values: O(T (l + K) D), and equal to the quadratic form, which `row_blocks` shows. The gradient of
scores within the two blocks reaches keys straight-through; commitment of keys is the loss `aux`.

Source: Lingle, "Transformer-VQ: Linear-Time Transformers via Vector Quantization" (arXiv
2309.16354); the post *VQ一下Key，Transformer的复杂度就变成线性了* (2023-11-09).
Departures: plain projections instead of gated units, and a rotation where the paper has a bias.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kexue_pipe.core.attention_parts import Layout, Scale, row_slices, touches_scores
from kexue_pipe.core.contracts import Attention, Position, Quantizer, RowBlock, State
from kexue_pipe.core.share import share


class TransformerVQ(Attention):
    """A sequence mixer that knows far keys by their code only."""

    def __init__(
        self, *, layout: Layout, scale: Scale, codes: int, block: int, book: Callable[..., Any]
    ):
        super().__init__()
        self.layout, self.scale = layout, scale
        self.codes, self.block = codes, block
        heads = range(layout.num_heads)
        self.books = nn.ModuleList(book(K=codes, D=layout.head_width) for _ in heads)

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens block by block, and far ones code by code."""
        T, size = x.shape[1], self.block
        q, k, v = self._project(x, pos, position, T)
        keys, index = self._quantise(k)  # (B, H, T, D), (B, H, T)
        turned_q, turned_k = position.rotate(q, keys, pos, pos)
        token = torch.arange(size, device=x.device)
        distance = token[:, None] + size - torch.arange(2 * size, device=x.device)  # (size, 2 size)
        near = _blocks(turned_q, size) @ _pairs(turned_k, size).mT  # (B, H, T / size, size, 2 size)
        scores = torch.where(distance < size, near, _blocks(q, size) @ _pairs(keys, size).mT)
        first = torch.arange(scores.shape[2], device=x.device)[:, None, None] == 0
        unseen = (distance < 0) | first & (distance > token[:, None])  # there is no block -1
        scores = scores.masked_fill(unseen, -torch.inf)
        chosen = _blocks(F.one_hot(index, self.codes).to(v), size)  # (B, H, T / size, size, K)
        counts = _before(chosen.sum(3))  # (B, H, T / size, K)
        means = _before(chosen.mT @ _blocks(v, size)) / counts.clamp(min=1)[..., None]
        far = _blocks(q, size) @ self._tables()[:, None].mT + counts.log()[..., None, :]
        weights = torch.cat([scores, far], -1).softmax(-1)
        mixed = weights[..., : 2 * size] @ _pairs(v, size) + weights[..., 2 * size :] @ means
        return self.merge(mixed.flatten(2, 3)[:, :, :T])

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the coefficients of query indices, key by key."""
        q, k, v = self._project(x, pos, position, x.shape[1])
        q, k = q[:, :, queries], _rows(self._tables(), self._encode(k))
        turned_q, turned_k = position.rotate(q, k, pos[queries], pos)
        for rows in row_slices(len(queries), len(x) * q.shape[1] * x.shape[1]):
            keys = slice(0, int(queries[rows].max()) + 1)
            index = torch.arange(keys.stop, device=x.device)
            distance = queries[rows][:, None] - index  # (R, S)
            near = turned_q[:, :, rows] @ turned_k[:, :, keys].mT
            scores = torch.where(distance < self.block, near, q[:, :, rows] @ k[:, :, keys].mT)
            weights = scores.masked_fill(distance < 0, -torch.inf).softmax(-1)
            yield RowBlock(queries[rows], distance >= 0, weights, v[:, :, keys], True)

    def init_state(self, batch: int) -> State:
        """Start with no key counted and an empty window: counts, sums of values, codes, values."""
        H, D = self.layout.num_heads, self.layout.head_width
        shapes = (H, self.codes), (H, self.codes, D), (H, self.block), (H, self.block, D)
        counts, sums, codes, values = (self._tables().new_zeros(batch, *s) for s in shapes)
        return counts, sums, codes.long(), values

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Take the token into the window, count the one that leaves it, and read both."""
        counts, sums, codes, values = state
        q, k, v = self._project(x, pos[-1:], position, len(pos))
        if len(pos) > self.block:
            leaves = F.one_hot(codes[:, :, 0], self.codes).to(v)  # (B, H, K)
            counts, sums = counts + leaves, sums + leaves[..., None] * values[:, :, :1]
        codes = torch.cat([codes, self._encode(k)], 2)[:, :, 1:]
        values = torch.cat([values, v], 2)[:, :, 1:]
        held, tables = min(len(pos), self.block), self._tables()
        keys = _rows(tables, codes[:, :, -held:])
        turned_q, turned_k = position.rotate(q, keys, pos[-1:], pos[-held:])
        far = q @ tables.mT + counts.log()[:, :, None]  # (B, H, 1, K)
        weights = torch.cat([turned_q @ turned_k.mT, far], -1).softmax(-1)
        means = sums / counts.clamp(min=1)[..., None]
        mixed = weights[..., :held] @ values[:, :, -held:] + weights[..., held:] @ means
        return self.merge(mixed), (counts, sums, codes, values)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.layout.merge(mixed)

    def replace(self, **parts: Any) -> "TransformerVQ":
        """Give a copy that shares all parameters and has other parts."""
        return share(self, **parts)

    def cache_elements_per_token(self) -> int:
        """Count nothing: the far past is in the state."""
        return 0

    def state_elements(self) -> int:
        """Count, for each code and each token of the window, a value and one number of its key."""
        return (self.codes + self.block) * self.layout.num_heads * (self.layout.head_width + 1)

    def _project(
        self, x: Tensor, pos: Tensor, position: Position, length: int
    ) -> tuple[Tensor, ...]:
        q, k, v = self.layout.project(x)
        if touches_scores(position, q, k, pos):
            raise ValueError(
                f"{type(position).__name__} acts on scores, and keys that are counted by code have "
                f"none of their own; take a position that rotates, or none"
            )
        count = torch.arange(length - x.shape[1], length, device=x.device) + 1
        return *self.scale(q, k, count), v

    def _encode(self, k: Tensor) -> Tensor:
        """Give the codes of keys, (B, H, T, D) -> (B, H, T)."""
        heads = zip(self._books(), k.unbind(1), strict=True)
        return torch.stack([b.encode(h.flatten(0, 1)).view(h.shape[:2]) for b, h in heads], 1)

    def _quantise(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Give rows with the gradient of the keys, and the codes; in training, learn."""
        # nothing is drawn from it: rows start as they are initialised, and none starts again
        generator = torch.Generator(k.device)
        heads = zip(self._books(), k.unbind(1), strict=True)
        outs = [book(head.flatten(0, 1), generator) for book, head in heads]
        if self.training:
            self.aux = torch.stack([out.aux for out in outs]).mean()
        keys = torch.stack([out.z_q.view_as(k[:, 0]) for out in outs], 1)
        return keys, torch.stack([out.index.view(k[:, 0, :, 0].shape) for out in outs], 1)

    def _tables(self) -> Tensor:
        every = torch.arange(self.codes, device=next(self.layout.parameters()).device)
        return torch.stack([book.decode(every) for book in self._books()])  # (H, K, D)

    def _books(self) -> list[Quantizer]:
        return cast(list[Quantizer], list(self.books))


def _rows(tables: Tensor, codes: Tensor) -> Tensor:
    """Give the rows of codes, (H, K, D) and (B, H, T) -> (B, H, T, D)."""
    return tables[torch.arange(len(tables), device=codes.device)[:, None], codes]


def _blocks(x: Tensor, size: int) -> Tensor:
    """Cut tokens into blocks, filled up with zeros, (B, H, T, D) -> (B, H, T / l, l, D)."""
    return F.pad(x, (0, 0, 0, -x.shape[2] % size)).unflatten(2, (-1, size))


def _pairs(x: Tensor, size: int) -> Tensor:
    """Give each block with the one before it, (B, H, T, D) -> (B, H, T / l, 2 l, D)."""
    blocks = _blocks(x, size)
    return torch.cat([F.pad(blocks, (0, 0, 0, 0, 1, -1)), blocks], 3)


def _before(x: Tensor) -> Tensor:
    """Sum over all blocks before the last two, (B, H, T / l, ...) -> the same."""
    sums = x.cumsum(2)
    return torch.cat([torch.zeros_like(sums[:, :, :2]), sums], 2)[:, :, : x.shape[2]]
