"""Sequence tasks that draw their documents one by one, and how documents become a batch."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from kexue_pipe.core.contracts import IGNORED, Batch, sample_rng

PAD, BOS, SEP, EOS, CONTENT = range(5)  # ids of `transduction`; content symbols start at CONTENT


class Sample(NamedTuple):
    """What a sequence task draws for one document; the fields are those of `Batch`."""

    tokens: np.ndarray  # (T,) int64
    labels: np.ndarray  # (T,) int64, IGNORED where not scored
    lags: np.ndarray | None = None  # (T,) int64, -1 where not scored
    grids: np.ndarray | None = None  # (G, 3) int64


def stack(samples: Iterable[Sample]) -> Batch:
    """Join samples of one length; a field that the samples lack stays None."""
    columns = zip(*samples, strict=True)
    return Batch(*(None if c[0] is None else torch.from_numpy(np.stack(c)) for c in columns))  # type: ignore[arg-type]


class Sampled:
    """What all tasks share whose samples are independent: a task says how one is drawn."""

    name: str
    train_length: int  # N, tokens
    train_stream: str  # of the training samples

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document of a stream from a split."""
        raise NotImplementedError

    def batch(self, split: str, seed: int, index: int, size: int) -> Batch:
        """Give samples index * size ... (index + 1) * size - 1 of a split at length N."""
        rngs = [sample_rng(self.name, split, seed, index * size + i) for i in range(size)]
        return stack(self.sample(rng, self.train_length, split, self.train_stream) for rng in rngs)

    def documents(self, stream: str, start: int, count: int, length: int) -> Batch:
        """Give test documents start ... start + count - 1 of a stream, the same for all seeds."""
        rngs = [sample_rng(self.name, f"test/{stream}", 0, start + i) for i in range(count)]
        return stack(self.sample(rng, length, "test", stream) for rng in rngs)

    def levels(self, documents: Batch, last: int) -> dict[str, tuple[float, float]]:
        """Give nothing beyond the uniform guess, where a task knows nothing else."""
        return {}


def transduction(
    source: np.ndarray, answer: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Write BOS source SEP answer EOS PAD ...; only the answer and EOS are scored.

    source (m,), answer (n,) -> tokens, labels (length,), m + n + 2 <= length.
    """
    document = np.full(length + 1, PAD)
    document[: len(source) + len(answer) + 3] = [BOS, *source, SEP, *answer, EOS]
    labels = np.full(length, IGNORED)
    scored = slice(len(source) + 1, len(source) + len(answer) + 2)
    labels[scored] = document[1:][scored]
    return document[:-1], labels
