"""Continue random symbols that repeat: the answer stands one period earlier.

    s[t] = s[t - p]  for t >= p,  s[0 ... p - 1] uniform and independent;  label at t = s[t + 1]

s are symbols 0 ... A - 1 (A = `num_symbols`), p the period of the document in tokens. Only the
labels after the first period are scored: there the answer is determined, and a uniform guess is
right with probability 1 / A.

Streams, N the training length: `repeat`, as in training, has p uniform on N / 4 ... N / 2, so the
answer always stands within N. `far` has p uniform on 1.5 N ... 3 N without the multiples of N: the
answer stands farther back than anything in training. The lag from a query to its answer is p - 1
tokens. The period is drawn first and the symbols fill the document backwards from its end, so one
sample ends alike at every length. `solved_at` is 0.95: every scored symbol is determined.

Source: `repeat_random`, after the repeated test texts of the posts *Transformer升级之路* 9-12 and
15 (2023), and "Repeat After Me: Transformers are Better than State Space Models at Copying"
(2402.01032). Departures: random symbols instead of text; periods below N / 4 are left out, since a
small model trained with them finds no mechanism within its steps.
"""

import numpy as np

from kexue_pipe.core.contracts import IGNORED
from kexue_pipe.core.samples import Sample, Sampled


class Repeat(Sampled):
    """Documents of a random period, with periods inside or beyond the training length."""

    name = "repeat"
    train_stream = "repeat"
    solved_at = 0.95
    data_hash = ""
    fixed_targets = True

    def __init__(self, *, train_length: int, num_symbols: int) -> None:
        self.train_length = train_length
        self.vocabulary_size = num_symbols
        self.chance = 1 / num_symbols
        self.optimum = {"repeat": 0.0, "far": 0.0}

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document of a stream."""
        n = self.train_length
        if stream == "far":
            periods = [p for p in range(n * 3 // 2, n * 3 + 1) if p % n]
        else:
            periods = list(range(n // 4, n // 2 + 1))
        period = int(rng.choice(periods))
        passage = rng.integers(self.vocabulary_size, size=period)
        document = passage[np.arange(-length - 1, 0) % period]
        labels = document[1:].copy()
        labels[: period - 1] = IGNORED
        return Sample(document[:-1], labels, np.where(labels == IGNORED, -1, period - 1))
