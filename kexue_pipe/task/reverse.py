"""Write a sequence backwards after a separator.

    BOS s_1 ... s_m SEP s_m ... s_1 EOS,  scored: the m answers and EOS

s are A = `num_symbols` content symbols, uniform and independent, or all different with `distinct`,
where a symbol names its place. In training m is uniform on 1 ... M, M = floor(N / 2) - 1
for N tokens, and PAD fills the rest; a test document of T tokens is filled, m = floor(T / 2) - 1.
Answer i = 1 ... m stands 2 i - 1 tokens before its query; for EOS, where BOS began the content,
the lag is 2 m + 1. A uniform guess among the symbols and EOS is right with probability 1 / (A + 1).
`solved_at` is 0.95: every answer is determined.

Stream `reverse`: filled documents of T tokens.

Source: the reverse-string task of "Neural Networks and the Chomsky Hierarchy" (2207.02098).
Departure: the answer is written after its own earlier symbols (teacher forcing), not in one pass.
"""

import numpy as np

from kexue_pipe.core.contracts import IGNORED
from kexue_pipe.core.samples import CONTENT, Sample, Sampled, transduction


class Reverse(Sampled):
    """Documents whose second half is the first, backwards."""

    name = "reverse"
    train_stream = "train"
    data_hash = ""
    fixed_targets = False
    solved_at = 0.95

    def __init__(self, *, train_length: int, num_symbols: int, distinct: bool) -> None:
        self.train_length = train_length
        self.num_symbols = num_symbols
        self.distinct = distinct
        self.vocabulary_size = CONTENT + num_symbols
        self.chance = 1 / (num_symbols + 1)
        self.optimum = {"reverse": 0.0}

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document: of any content length for `train`, else filled."""
        longest = length // 2 - 1
        if longest < 1:
            raise ValueError(f"{length} tokens are too short to reverse a symbol; ask for 4")
        m = int(rng.integers(1, longest + 1)) if stream == "train" else longest
        source = CONTENT + rng.choice(self.num_symbols, m, replace=not self.distinct)
        tokens, labels = transduction(source, source[::-1], length)
        lags = 2 * (np.arange(length) - m - 1) + 1  # SEP stands at m + 1
        return Sample(tokens, labels, np.where(labels == IGNORED, -1, lags))
