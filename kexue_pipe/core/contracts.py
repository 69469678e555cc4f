"""The contracts between the model and its components: what each is asked and answers.

Dimension letters, used in every shape comment of the package:
B batch, T query positions, S key positions, H heads, D width per head, C model width,
K codebook size, V vocabulary, R query rows of a block.

Every hook has an identity, and the model calls all hooks always: nothing branches on a name.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

IGNORED = -100  # label of a token that is not scored

State = tuple[Tensor, ...]  # what an attention keeps of the past in decoding, (B, ...) each


class Position(nn.Module):
    """A positional encoding: one hook per place where position can enter, each the identity.

    Position ids are data, see `PositionIds`. Two vectors are passed because a block of query rows,
    and decoding, see other queries than keys.
    """

    def embed(self, x: Tensor, pos: Tensor) -> Tensor:
        """Add position to the token embeddings, (B, T, C) -> (B, T, C)."""
        return x

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Transform queries (B, H, T, D) and keys (B, H, S, D) by their positions."""
        return q, k

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor | None:
        """Give what is added to the scaled scores, (1 or B, H, T, S), or None for nothing."""
        return None

    def key_bias(self, pos_k: Tensor) -> Tensor | None:
        """Give (1, H, 1, S) that differs from `bias` by a constant in each row, or None.

        A causal softmax cannot tell the two apart, and fused kernels take this one for less.
        """
        return None

    def scores(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor | None:
        """Give q.k (B, H, T, S) where it is no product of rotated vectors, or None for `rotate`.

        q and k are scaled. Keys in the future of a query may be among them, and have any finite
        score. A block of queries sees all keys between its own past and itself.
        """
        return None


class PositionIds(nn.Module):
    """Where each token stands: the ids that all hooks of a position are given."""

    def forward(
        self, index: Tensor, grids: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """Give the ids of token indices 0 ... T-1, with T first: (T,) or (T, B, axes), floats.

        `grids` (B, G, 3) holds the first token, height and width of the grids in each document.
        In training there is a generator; without one the ids are a function of the rest.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class RowBlock:
    """The effective attention rows of a block of queries: the only thing that metrics see."""

    queries: Tensor  # (R,) absolute indices of the query tokens
    mask: Tensor  # (R, S) bool, keys that the query may see
    weights: Tensor  # (B, H, R, S) coefficients that are applied to the values, 0 where masked
    values: Tensor  # (B, H, S, D)
    row_stochastic: bool  # weights are >= 0 and sum to one
    known: dict[str, Tensor] = field(default_factory=dict, init=False)  # see `core/rows.py`


class Attention(nn.Module):
    """A sequence mixer: `forward` is fast, `row_blocks` open, `step` one token after the other."""

    aux: Tensor | float = 0.0  # weighted auxiliary loss of the last `forward` in training

    def place(self, layer: int, num_layers: int) -> "Attention":
        """Give the attention for a layer, 0 ... num_layers - 1; a model asks once, when built."""
        return self

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens, (B, T, C) -> (B, T, C); token t sees tokens <= t only."""
        raise NotImplementedError

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the rows of the given query indices in blocks of at most 2**22 coefficients."""
        raise NotImplementedError

    def last_rows(self, x: Tensor, pos: Tensor, position: Position, last: int) -> Tensor:
        """Give the last rows of `forward` for the cost of these alone, (B, last, C)."""
        queries = torch.arange(x.shape[1] - last, x.shape[1], device=x.device)
        blocks = self.row_blocks(x, pos, position, queries)
        return self.merge(torch.cat([block.weights @ block.values for block in blocks], dim=2))

    def init_state(self, batch: int) -> State:
        """Give what is kept before the first token."""
        raise NotImplementedError

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Give the row of `forward` of one more token (B, 1, C), and what is kept after it.

        `pos` holds the ids of this token, the last, and of all before it.
        """
        raise NotImplementedError

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out, (B, H, T, D) -> (B, T, C)."""
        raise NotImplementedError

    def replace(self, **parts: Any) -> "Attention":
        """Give a copy that shares all parameters and has other parts (`mask=`, `scale=`)."""
        raise NotImplementedError

    def cache_elements_per_token(self) -> int:
        """Count the numbers that decoding keeps for each past token of this layer."""
        raise NotImplementedError

    def state_elements(self) -> int:
        """Count the numbers that decoding keeps whatever the length."""
        raise NotImplementedError


class Head(nn.Module):
    """The map from the top of a decoder to logits."""

    embedding_std: float  # of the token embedding at the start

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Give logits, (B, T, C) and the token embedding (V, C) -> (B, T, V)."""
        raise NotImplementedError


@dataclass
class QuantizerOutput:
    """What every quantizer returns."""

    z_q: Tensor  # (N, D) goes to the decoder, carries the surrogate gradient
    index: Tensor  # (N,) or (N, G) int64
    aux: Tensor  # scalar, weighted auxiliary loss
    z_in: Tensor  # (N, D) the vector that was quantised (after bounding or normalisation)
    q: Tensor  # (N, D) hard value without gradient
    stats: dict[str, float] = field(default_factory=dict)  # of this step, by the names in `logged`
    sample: Tensor | None = None  # (N, D) a draw, where the code is a distribution and q its mean


class Quantizer(nn.Module):
    """A map from vectors (N, D) to a finite set of codes and back; `decode(encode(z))` is exact."""

    dim: int  # D, of the values
    num_codes: int  # size of the joint code book; 0 when there is none
    digits: tuple[int, ...]  # size of each factor of the code; () when there is none
    logged: tuple[str, ...] = ()  # names of the stats of a training step

    @property
    def dim_in(self) -> int:
        """The numbers of a latent that is quantised, D where nothing else is said."""
        return self.dim

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Quantise in training mode (`self.training`) or deterministically in evaluation mode.

        `progress` is the share of the training that is done.
        """
        raise NotImplementedError

    def encode(self, z: Tensor) -> Tensor:
        """Give the code of each vector, (N, D) -> (N,) int64 joint index."""
        raise NotImplementedError

    def decode(self, index: Tensor) -> Tensor:
        """Give the hard value of each joint index, (N,) -> (N, D)."""
        raise NotImplementedError


class Batch(NamedTuple):
    """What a task hands to a model: tokens and labels (B, T), or images twice (B, 1, h, w)."""

    inputs: Tensor
    targets: Tensor
    lags: Tensor | None = None  # (B, T) int64: tokens back to what a scored label depends on
    grids: Tensor | None = None  # (B, G, 3) int64: first token, height and width of each grid

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Apply a function to every tensor that there is."""
        return Batch(*(None if tensor is None else change(tensor) for tensor in self))  # type: ignore[arg-type]


class Loss(NamedTuple):
    """A training loss and what is logged beside it."""

    loss: Tensor  # scalar, differentiable
    accuracy: float | None  # share of scored tokens that are predicted; None for images
    stats: Mapping[str, float] = MappingProxyType({})  # by the names in `logged`


@runtime_checkable
class Task(Protocol):
    """A pure function from (split, seed, index) to data: sample i never depends on the batch."""

    name: str
    data_hash: str  # SHA-256 of the data; "" for generated data
    train_length: int  # N, tokens of a training sample (tokens per image for images)
    chance: float | None  # accuracy of a uniform guess; None for images
    solved_at: float | None  # accuracy at N that counts as solved; None where nothing is solved

    def batch(self, split: str, seed: int, index: int, size: int) -> Batch:
        """Give samples index * size ... (index + 1) * size - 1 at the training length."""
        ...


class Model(nn.Module):
    """A trainable model: built from component factories and a task."""

    logged: tuple[str, ...] = ()  # names of the stats of a training step

    def loss(self, batch: Batch, generator: torch.Generator, progress: float = 1.0) -> Loss:
        """Compute the training loss of one batch; all randomness comes from the generator.

        `progress` is the share of the training that is done.
        """
        raise NotImplementedError

    def costs(self) -> dict[str, int]:
        """Count parameters, flops_per_token, cache_elements_per_token and state_elements."""
        raise NotImplementedError


class SequenceTask(Task, Protocol):
    """A task of token sequences, with test documents of any length."""

    vocabulary_size: int  # V
    fixed_targets: bool  # documents of all lengths end alike, so that the same tokens are scored
    optimum: dict[str, float | None]  # smallest possible mean loss of each stream, nats, if known

    def documents(self, stream: str, start: int, count: int, length: int) -> Batch:
        """Give test documents start ... start + count - 1 of a stream, the same for all seeds."""
        ...

    def levels(self, documents: Batch, last: int) -> dict[str, tuple[float, float]]:
        """Score what a model is compared with on the last tokens: name -> nats, accuracy."""
        ...


def sample_rng(task: str, split: str, seed: int, index: int) -> np.random.Generator:
    """Give the generator of one sample: a function of (task, split, seed, index) only."""
    return np.random.default_rng([crc32(task.encode()), crc32(split.encode()), seed, index])
