"""Linear attention: the past is a state of fixed size, into which keys and values are written.

    S_i = Diag(a_i) S_{i-1} + phi(k_i) u_i^T,   o_i = readout(S_i^T phi(q_i))

    q, k, v  queries, keys and values of the layout, (D,) per head
    phi      feature map, (D,) -> (F,)
    a_i      decay, (F,) or one for all features
    u_i      what the update writes of v_i: v_i itself, or the error of what the state holds
    S_i      state, (F, D)
    readout  divides by the sum of the row, or normalises the mixed value, or neither

Positions rotate phi(q) and phi(k), or q and k where phi estimates a function of q.k; the sum of a
row is that of the unrotated features, so that it stays positive. The implied coefficient of v_j in
o_i is phi(q_i) . Diag(a_i ... a_{j+1}) phi(k_j), for the additive update.

Source: Katharopoulos et al., "Transformers are RNNs: Fast Autoregressive Transformers with Linear
Attention" (arXiv 2006.16236); rotation of the numerator alone: Jianlin Su et al., "RoFormer:
Enhanced Transformer with Rotary Position Embedding" (arXiv 2104.09864), section 3.3; each part
names its own. Chunks: `core/linear_chunks.py`.

Departures: no short convolutions and no output gates in front of or behind any of them, so that
mixers differ in nothing but their recurrence.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Layout, row_slices, touches_scores
from kexue_pipe.core.contracts import Attention, Position, RowBlock, State
from kexue_pipe.core.linear_chunks import Near, Stream, cut, mix, rows
from kexue_pipe.core.linear_parts import Decay, Feature, Readout, Update
from kexue_pipe.core.share import share

_FLOOR = 1e-30  # of a row's sum: rows without weight give zeros, and no gradient overflows

Turn = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class _Reading(NamedTuple):
    """What is read of tokens: rotated features, and the unrotated ones of the sums."""

    q: Tensor  # (B, H, T, F)
    stream: Stream
    plain_q: Tensor
    sums: Stream
    values: Tensor  # (B, H, T, D)
    step_size: Tensor | None  # (B, H, T, 1), factor of the values that are written


class LinearAttention(Attention):
    """A sequence mixer whose state does not grow with the length."""

    def __init__(
        self, *, layout: Layout, feature: Feature, decay: Decay, update: Update, readout: Readout
    ):
        super().__init__()
        self.layout = layout
        self.feature = feature
        self.decay = decay
        self.update = update
        self.readout = readout

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens chunk by chunk."""
        read = self._read(x, pos, position, lambda q, k: position.rotate(q, k, pos, pos))
        if not self.readout.divides:
            return self.merge(mix(read.q, read.stream))
        if read.q is read.plain_q:  # the sums are those of one more value channel
            joined = torch.cat((read.stream.v, read.sums.v), dim=-1)
            mixed, total = mix(read.q, read.stream._replace(v=joined)).tensor_split([-1], dim=-1)
        else:
            mixed, total = mix(read.q, read.stream), mix(read.plain_q, read.sums)
        return self.merge(mixed / total.clamp(min=_FLOOR))

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the implied coefficients of query indices."""
        B, T, _ = x.shape
        index = torch.arange(T, device=x.device)
        read = self._read(x, pos, position, lambda q, k: position.rotate(q, k, pos, pos))
        turned = read.q is not read.plain_q
        chunks, sums = cut(read.stream), cut(read.sums)
        for block in row_slices(len(queries), B * read.q.shape[1] * T):
            chosen = queries[block]
            weights = rows(read.q[:, :, chosen], chosen, chunks)  # (B, H, R, S)
            S = weights.shape[-1]
            if self.readout.divides:
                plain = rows(read.plain_q[:, :, chosen], chosen, sums) if turned else weights
                weights = weights / plain.sum(-1, keepdim=True).clamp(min=_FLOOR)
            if read.step_size is not None:
                weights = weights * read.step_size[:, :, :S].mT
            visible = index[:S] <= chosen[:, None]
            stochastic = self.readout.divides and not turned
            yield RowBlock(chosen, visible, weights, read.values[:, :, :S], stochastic)

    def last_rows(self, x: Tensor, pos: Tensor, position: Position, last: int) -> Tensor:
        """Give the last rows of `forward`, which are no cheaper alone."""
        return self(x, pos, position)[:, -last:]

    def init_state(self, batch: int) -> State:
        """Start with an empty state, and an empty one of ones as values for the sums of rows."""
        layout, like = self.layout, next(self.parameters())
        state = like.new_zeros(batch, layout.num_heads, self._num_features(), layout.head_width)
        return state, state[..., : self.readout.divides]

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Write the token into the state and read it."""
        here, mirrored = pos[-1:], 2 * pos[:1] - pos[-1:]

        def turn(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
            # encodings that scale count from the middle of the keys: a second one holds it in place
            twice = torch.cat((k, k), dim=2)
            q, k = position.rotate(q, twice, here, torch.cat((mirrored, here)))
            return q, k[:, :, 1:]

        read = self._read(x, here, position, turn)
        k, v, decay, strength = read.stream[:4]
        fade = 1.0 if decay is None else decay.exp().mT  # (B, H, 1 or F, 1)
        past, total = state  # (B, H, F, D), (B, H, F, 1)
        past = self.update.step(past * fade, k, v, strength)
        mixed = read.q @ past  # (B, H, 1, D)
        if self.readout.divides:
            total = total * fade + read.sums.k.mT
            mixed = mixed / (read.plain_q @ total).clamp(min=_FLOOR)
        return self.merge(mixed), (past, total)

    def merge(self, mixed: Tensor) -> Tensor:
        """Read out each head, join the heads and project out."""
        return self.layout.merge(self.readout(mixed))

    def replace(self, **parts: Any) -> "LinearAttention":
        """Give a copy that shares all parameters and has other parts."""
        return share(self, **parts)

    def cache_elements_per_token(self) -> int:
        """Count nothing: the past is in the state."""
        return 0

    def state_elements(self) -> int:
        """Count the state of every head, and its sum where rows are divided by it."""
        width = self.layout.head_width + self.readout.divides
        return self.layout.num_heads * self._num_features() * width

    def _num_features(self) -> int:
        one = next(self.parameters()).new_zeros(1, 1, 1, self.layout.head_width)
        return self.feature(one, one)[0].shape[-1]

    def _read(self, x: Tensor, pos: Tensor, position: Position, turn: Turn) -> _Reading:
        q, k, v = self.layout.project(x)
        if touches_scores(position, q, k, pos):
            raise ValueError(
                f"{type(position).__name__} acts on scores, and linear attention has none"
            )
        if self.feature.turns_input:
            q, k = turn(q, k)
        closed = self.feature.closed and self.update.additive
        near = Near(q, k, self.feature.overlap) if closed else None
        plain_q, plain_k = self.update.prepare(*self.feature(q, k))
        q, k = (plain_q, plain_k) if self.feature.turns_input else turn(plain_q, plain_k)
        decay, step_size = self.decay(x), self.decay.step_size(x)
        solve = None if self.update.additive else self.update.solve
        written = v if step_size is None else v * step_size
        stream = Stream(k, written, decay, self.update.strength(x), solve, near)
        sums = Stream(plain_k, torch.ones_like(v[..., :1]), decay)
        return _Reading(q, stream, plain_q, sums, v, step_size)
