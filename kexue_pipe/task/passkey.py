"""Find a needle of five digits in a haystack of filler, and repeat it after the query.

    filler ... KEY d_1 ... d_5 filler ... QUERY d_1 ... d_5,  labels d_1 ... d_5 after QUERY

Fillers are uniform over `num_fillers` symbols, digits uniform over ten symbols of their own, KEY
and QUERY are one symbol each. KEY stands with equal probability wherever the needle fits before
QUERY, so that the lag from a query to its answer is uniform on 5 ... T - 6 tokens, T the length of
the document; the last five labels are scored. A uniform guess of a digit is right with probability
0.1. `solved_at` is 0.95: every digit is determined, and giving one of the five digits at
random is right with probability 0.28.

Stream `needle`: documents of T tokens as in training.

Source: passkey retrieval of "Landmark Attention: Random-Access Infinite Context Length for
Transformers" (2305.16300). Departures: filler and needle are single symbols instead of English
sentences; digits after QUERY are given (teacher forcing), so errors do not add up.
"""

import numpy as np

from kexue_pipe.core.contracts import IGNORED
from kexue_pipe.core.samples import Sample, Sampled

NUM_DIGITS = 5
DIGITS, KEY, QUERY, FILLER = 0, 10, 11, 12  # first id of digits and fillers, ids of the marks


class Passkey(Sampled):
    """Documents with one needle at a uniform depth."""

    name = "passkey"
    train_stream = "needle"
    data_hash = ""
    fixed_targets = False
    solved_at = 0.95
    chance = 0.1

    def __init__(self, *, train_length: int, num_fillers: int) -> None:
        self.train_length = train_length
        self.num_fillers = num_fillers
        self.vocabulary_size = FILLER + num_fillers
        self.optimum = {"needle": 0.0}

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document."""
        start = length - NUM_DIGITS  # of QUERY
        if start <= NUM_DIGITS:
            raise ValueError(f"{length} tokens are too short for a needle and a query; ask for 11")
        digits = DIGITS + rng.integers(10, size=NUM_DIGITS)
        depth = int(rng.integers(start - NUM_DIGITS))
        document = FILLER + rng.integers(self.num_fillers, size=length + 1)
        document[depth : depth + NUM_DIGITS + 1] = [KEY, *digits]
        document[start:] = [QUERY, *digits]
        labels, lags = np.full(length, IGNORED), np.full(length, -1)
        labels[start:] = digits
        lags[start:] = start - depth - 1
        return Sample(document[:-1], labels, lags)
