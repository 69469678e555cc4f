"""The bias of the plug-in entropy of codes, when tokens are few.

    bias = H(counts / N) - log2 K,   N tokens drawn evenly from K codes

It is about -(K - 1) / (2 N ln 2) where N is large.

Source: G. Miller, Note on the Bias of Information Estimates (1955); usage in Finite Scalar
Quantization (arXiv 2309.15505). Departure: none.
"""

import numpy as np
from scipy.stats import entropy


def bias(num_codes: int, tokens_per_code: float, draws: int) -> list[float]:
    """Give for each draw the plug-in entropy minus the true one, bits."""
    tokens = round(num_codes * tokens_per_code)
    counts = [
        np.random.default_rng(draw).multinomial(tokens, np.full(num_codes, 1 / num_codes))
        for draw in range(draws)
    ]
    return [float(entropy(count, base=2) - np.log2(num_codes)) for count in counts]
