"""The contracts between the model and its components: what each is asked and answers.

Dimension letters, used in every shape comment of the package:
B batch, T query positions, S key positions, H heads, D width per head, C model width,
K codebook size, V vocabulary, R query rows of a block.

Every hook has an identity, and the model calls all hooks always: nothing branches on a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

IGNORED = -100  # label of a token that is not scored


class Position(nn.Module):
    """A positional encoding: one hook per place where position can enter, each the identity.

    Position ids are data: `pos` is a float tensor (T,), or (T, axes) for grids. Two vectors are
    passed because a block of query rows, and decoding, see other queries than keys.
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

    def scores(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor | None:
        """Give q.k (B, H, T, S) where one score mixes several rotations, or None for `rotate`."""
        return None


@dataclass(frozen=True)
class RowBlock:
    """The effective attention rows of a block of queries: the only thing that metrics see."""

    queries: Tensor  # (R,) absolute indices of the query tokens
    mask: Tensor  # (R, S) bool, keys that the query may see
    weights: Tensor  # (B, H, R, S) coefficients that are applied to the values, 0 where masked
    values: Tensor  # (B, H, S, D)
    row_stochastic: bool  # weights are >= 0 and sum to one


class Attention(nn.Module):
    """A sequence mixer. `forward` is the fast path, `row_blocks` the same rows in the open."""

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens, (B, T, C) -> (B, T, C); token t sees tokens <= t only."""
        raise NotImplementedError

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the rows of the given query indices in blocks of at most 2**22 coefficients."""
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


@dataclass
class QuantizerOutput:
    """What every quantizer returns."""

    z_q: Tensor  # (N, D) goes to the decoder, carries the surrogate gradient
    index: Tensor  # (N,) or (N, G) int64
    aux: Tensor  # scalar, weighted auxiliary loss
    z_in: Tensor  # (N, D) the vector that was quantised (after bounding or normalisation)
    q: Tensor  # (N, D) hard value without gradient
    stats: dict[str, float] = field(default_factory=dict)


class Quantizer(nn.Module):
    """A map from vectors (N, D) to a finite set of codes and back; `decode(encode(z))` is exact."""

    dim: int  # D
    num_codes: int  # size of the joint code book; 0 when there is none
    digits: tuple[int, ...]  # size of each factor of the code; () when there is none

    def forward(self, z: Tensor, generator: torch.Generator) -> QuantizerOutput:
        """Quantise in training mode (`self.training`) or deterministically in evaluation mode."""
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


class Loss(NamedTuple):
    """A training loss and what is logged beside it."""

    loss: Tensor  # scalar, differentiable
    accuracy: float | None  # share of scored tokens that are predicted; None for images


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

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Compute the training loss of one batch; all randomness comes from the generator."""
        raise NotImplementedError

    def costs(self) -> dict[str, int]:
        """Count parameters, flops_per_token, cache_elements_per_token and state_elements."""
        raise NotImplementedError


def sample_rng(task: str, split: str, seed: int, index: int) -> np.random.Generator:
    """Give the generator of one sample: a function of (task, split, seed, index) only."""
    return np.random.default_rng([crc32(task.encode()), crc32(split.encode()), seed, index])
