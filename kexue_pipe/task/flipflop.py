"""Keep one bit in memory: read what was written last.

    w b_1 i b_2 ... w b_k ... i b ... r b_k,  label at each r = the bit after the latest w

A document of T tokens is pairs of an instruction and a bit: w writes the bit, i is to be ignored,
r reads. The first instruction is w, the last r; the others are i with probability p and w or r
with (1 - p) / 2 each. Bits after w and i are uniform, and only the bits after r are scored, so a
uniform guess of a bit is right with probability 0.5. The lag of a read is its distance to the bit
of the latest w, in tokens. `solved_at` is 0.95: every bit is determined, and reading the latest
bit whatever its instruction is right with probability 1 - p / 2, 0.6 in training.

Streams: `seen` has the p of training (`ignore`, 0.8), `sparse` writes rarely (0.98: long lags),
`dense` often (0.1: many distractors).

Source: "Exposing Attention Glitches with Flip-Flop Language Modeling" (2306.00946). Departures:
only reads are trained and scored, and N is 64 tokens instead of 512.
"""

import numpy as np

from kexue_pipe.core.contracts import IGNORED
from kexue_pipe.core.samples import Sample, Sampled

WRITE, READ, IGNORE = 2, 3, 4  # after the bits 0 and 1


class Flipflop(Sampled):
    """Documents of writes, reads and bits to ignore."""

    name = "flipflop"
    train_stream = "seen"
    data_hash = ""
    fixed_targets = False
    solved_at = 0.95
    vocabulary_size = 5
    chance = 0.5

    def __init__(self, *, train_length: int, ignore: float, sparse: float, dense: float) -> None:
        self.train_length = train_length
        self.ignore = {"seen": ignore, "sparse": sparse, "dense": dense}  # p of each stream
        self.optimum = dict.fromkeys(self.ignore, 0.0)

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document; an odd length ends with the last r."""
        if length < 3:
            raise ValueError(f"{length} tokens are too short for a write and a read; ask for 3")
        num_pairs, p = (length + 1) // 2, self.ignore[stream]
        draws = rng.random(num_pairs)
        instructions = np.select([draws < p, draws < (1 + p) / 2], [IGNORE, WRITE], READ)
        instructions[[0, -1]] = WRITE, READ
        reads = instructions == READ
        pairs = np.arange(num_pairs)
        latest = np.maximum.accumulate(np.where(instructions == WRITE, pairs, 0))
        bits = rng.integers(2, size=num_pairs)
        bits[reads] = bits[latest[reads]]
        tokens = np.stack([instructions, bits], 1).ravel()[:length]
        labels, lags = np.full(length, IGNORED), np.full(length, -1)
        labels[::2][reads] = bits[reads]
        lags[::2][reads] = 2 * (pairs - latest)[reads] - 1
        return Sample(tokens, labels, lags)
