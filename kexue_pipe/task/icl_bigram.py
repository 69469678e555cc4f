"""Learn a random permutation from the document itself, and predict the next symbol with it.

    s[t + 1] = pi(s[t]) with probability f, else uniform on 0 ... A - 1;  label at t = s[t + 1]

pi is a permutation of A = `num_symbols` symbols, a new one for every document, f = `follow`. It
cannot be memorised: accuracy rises with the context that is used. Who knows pi is right with
probability q = f + (1 - f) / A, at a loss of -q ln q - (1 - q) ln((1 - f) / A) nats (A = 16,
f = 0.8: 0.8125 and 0.990). P = f Pi + (1 - f) / A is doubly stochastic: its stationary law is
uniform, and the chain reversed in time is one with pi^-1. So a document is drawn from its last
symbol backwards, and one sample ends alike at every length.

Streams, N the training length: `natural` is the chain as it stands, all labels scored. `repeat` is
a passage tiled so that it ends with the passage, of a period p uniform on 1.5 N ... 3 N without the
multiples of N; only what stands one period earlier is scored: more than q means that context beyond
N is copied. A share `tiled` of the training documents has p uniform on N / 4 ... N / 2.

`levels`: `ceiling` knows pi (and copies in `repeat`); `in-context bigram` reads the c(y) earlier
successors y of the current symbol: p(y) = f w(y) + (1 - f) / A, w(y) ~ (q / ((1 - f) / A))^c(y).
`solved_at` is three quarters of the way from chance, where a model stays that ignores the document,
to this level on the last N / 2 labels (A = 16, N = 64: 0.54).

Source: after "The Evolution of Statistical Induction Heads: In-Context Learning Markov Chains"
(2402.11004), and the repeated test texts of the posts *Transformer升级之路* 9-12 and 15 (2023).
Departure: noisy permutations instead of Dirichlet rows, so that every document has one ceiling.
"""

from functools import cached_property
from math import log

import numpy as np

from kexue_pipe.core.contracts import IGNORED, Batch
from kexue_pipe.core.samples import Sample, Sampled


class IclBigram(Sampled):
    """Documents of a noisy permutation each, plain or tiled."""

    name = "icl_bigram"
    train_stream = "train"
    data_hash = ""
    fixed_targets = True

    def __init__(self, *, train_length: int, num_symbols: int, follow: float, tiled: float) -> None:
        self.train_length = train_length
        self.vocabulary_size = num_symbols
        self.follow, self.tiled = follow, tiled
        self.chance = 1 / num_symbols
        self.ceiling = follow + (1 - follow) / num_symbols
        self.miss = (1 - follow) / num_symbols  # probability of each other symbol
        loss = -self.ceiling * log(self.ceiling) - (1 - self.ceiling) * log(self.miss)
        self.optimum = {"natural": loss, "repeat": 0.0}

    @cached_property
    def solved_at(self) -> float:
        """Give three quarters of the way from chance to the in-context bigram at length N."""
        n = self.train_length
        _, accuracy = self.levels(self.documents("natural", 0, 500, n), n // 2)["in-context bigram"]
        return self.chance + 0.75 * (accuracy - self.chance)

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document of a stream; the stream `train` mixes plain and tiled documents."""
        n = self.train_length
        inverse = rng.permutation(self.vocabulary_size).tolist()  # pi^-1
        period = 0
        if stream == "repeat":
            period = int(rng.choice([p for p in range(n * 3 // 2, n * 3 + 1) if p % n]))
        elif stream == "train" and rng.random() < self.tiled:
            period = int(rng.integers(n // 4, n // 2 + 1))
        document = self._chain(rng, inverse, period or length + 1)
        if period:
            document = document[np.arange(-length - 1, 0) % period]
        labels = document[1:].copy()
        if stream != "repeat":
            return Sample(document[:-1], labels)
        labels[: period - 1] = IGNORED
        return Sample(document[:-1], labels, np.where(labels == IGNORED, -1, period - 1))

    def levels(self, documents: Batch, last: int) -> dict[str, tuple[float, float]]:
        """Score the ceiling, and counting successors, on the last labels."""
        tokens, labels = documents.inputs.numpy(), documents.targets.numpy()
        count, length = tokens.shape
        rows = np.arange(count)
        weight = log(self.ceiling / self.miss)
        seen = np.zeros((count, self.vocabulary_size, self.vocabulary_size))
        losses, hits = [], []
        for t in range(length):
            if t:
                seen[rows, tokens[:, t - 1], tokens[:, t]] += 1
            scored = rows[labels[:, t] != IGNORED] if t >= length - last else rows[:0]
            counts, answers = seen[scored, tokens[scored, t]], labels[scored, t]  # (n, A), (n,)
            likely = np.exp(weight * (counts - counts.max(1, keepdims=True)))
            p = self.follow * likely / likely.sum(1, keepdims=True) + self.miss
            losses.append(-np.log(p[np.arange(len(scored)), answers]))
            hits.append(p.argmax(1) == answers)
        loss, hit = np.concatenate(losses), np.concatenate(hits)
        if not len(loss):
            return {}
        copied = documents.lags is not None  # the answer stands one period earlier
        return {
            "ceiling": (0.0, 1.0) if copied else (self.optimum["natural"], self.ceiling),
            "in-context bigram": (float(loss.mean()), float(hit.mean())),
        }

    def _chain(self, rng: np.random.Generator, inverse: list[int], size: int) -> np.ndarray:
        draws = rng.random((size, 2))  # from the last symbol to the first
        symbols = (draws[:, 1] * self.vocabulary_size).astype(np.int64).tolist()
        follows = (draws[:, 0] < self.follow).tolist()
        chain = symbols[:1]
        for symbol, follow in zip(symbols[1:], follows[1:], strict=True):
            chain.append(inverse[chain[-1]] if follow else symbol)
        return np.array(chain[::-1])
