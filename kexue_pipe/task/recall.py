"""Recall the value that was bound to each of several keys: multi-query associative recall.

    k_1 v_1 ... k_P v_P | filler ... k_j ... filler,  label at each later k_j = the value of k_j

P = D pairs (D = `num_pairs`) of distinct keys and distinct values stand at the positions
0 ... 2 P - 1. With S = floor((T - 2 P) / 2), D distinct gaps g_j on 1 ... S are drawn without
replacement in proportion to g^(alpha - 1), and key j is asked at position 2 P + 2 (g_j - 1). All
else is uniform filler. Only the D queries are scored; a value is not fed back after its query. The
lag of a query is its distance to the latest value of its key, in tokens. With `rebind` every key
is bound twice, P = 2 D pairs in random order, and the later value is the answer.

Keys, values and fillers are three ranges of ids, `num_keys`, `num_values`, `num_fillers` wide, and
a uniform guess among the values is right with probability 1 / num_values. `solved_at` is 0.95:
every answer is determined, and a model that knows which values were bound and are not yet asked,
but not by which key, is right with probability (1 + 1 / 2 + ... + 1 / D) / D, 0.34 for D = 8.

Stream `recall`: documents of T tokens as in training, with D pairs at every length, so lags grow
with T.

Source: multi-query associative recall of "Zoology: Measuring and Improving Recall in Efficient
Language Models" (2312.04927). Departures: fillers are a range of their own (theirs are drawn from
all ids, so at a small vocabulary they equal stored keys), and 64 ids each instead of 8192 in all;
`rebind` is not in the source.
"""

import numpy as np

from kexue_pipe.core.contracts import IGNORED
from kexue_pipe.core.samples import Sample, Sampled


class Recall(Sampled):
    """Documents of key-value pairs, then filler with queries."""

    name = "recall"
    train_stream = "recall"
    data_hash = ""
    fixed_targets = False
    solved_at = 0.95

    def __init__(
        self,
        *,
        train_length: int,
        num_pairs: int,
        num_keys: int,
        num_values: int,
        num_fillers: int,
        alpha: float,
        rebind: bool,
    ) -> None:
        self.train_length = train_length
        self.vocabulary_size = num_keys + num_values + num_fillers
        self.num_keys, self.num_values, self.num_fillers = num_keys, num_values, num_fillers
        self.num_queries = num_pairs
        self.num_pairs = 2 * num_pairs if rebind else num_pairs  # P
        self.alpha = alpha
        self.chance = 1 / num_values
        self.optimum = {"recall": 0.0}

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document."""
        num_slots = length // 2 - self.num_pairs  # S
        if num_slots < self.num_queries:
            raise ValueError(
                f"{length} tokens are too short for {self.num_pairs} pairs and "
                f"{self.num_queries} queries; ask for {2 * self.num_pairs + 2 * self.num_queries}"
            )
        keys = rng.choice(self.num_keys, self.num_queries, replace=False)
        values = self.num_keys + rng.choice(self.num_values, self.num_pairs, replace=False)
        order = rng.permutation(np.arange(self.num_pairs) % self.num_queries)  # key of each pair
        latest = np.empty(self.num_queries, np.int64)  # pair that binds a key last
        latest[order] = np.arange(self.num_pairs)
        weights = np.arange(1, num_slots + 1) ** (self.alpha - 1)
        slots = rng.choice(num_slots, self.num_queries, replace=False, p=weights / weights.sum())
        queries = 2 * (self.num_pairs + slots)
        tokens = self.num_keys + self.num_values + rng.integers(self.num_fillers, size=length)
        pairs = tokens[: 2 * self.num_pairs].reshape(-1, 2)
        pairs[:, 0], pairs[:, 1] = keys[order], values
        labels, lags = np.full(length, IGNORED), np.full(length, -1)
        tokens[queries] = keys
        labels[queries] = values[latest]
        lags[queries] = queries - (2 * latest + 1)
        return Sample(tokens, labels, lags)
