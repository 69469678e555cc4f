"""How the entropy of a softmax over n random scores grows with n, under a scale that knows n.

    slope of H(softmax(a(n) z)) against log n,   z ~ N(0, 1)
    a(n) = 1 | log n / log N | sqrt(1 + 2 log(n / N))      for `rsqrt`, `logn`, `sqrtlogn`

N is the shortest row, where all three are 1; n doubles up to the longest.

Source: 从熵不变性看Attention的Scale操作 (post 8823, 2021-12-21).
Departure: the scores have unit spread.
"""

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from scipy.special import log_softmax

SCALES: dict[str, Callable[[int, int], float]] = {
    "rsqrt": lambda n, start: 1.0,
    "logn": lambda n, start: log(n) / log(start),
    "sqrtlogn": lambda n, start: sqrt(1 + 2 * log(n / start)),
}


def slope(scale: str, shortest: int, longest: int, draws: int) -> list[float]:
    """Give the growth of entropy for each draw, nats per nat of length."""
    lengths = [shortest << k for k in range((longest // shortest).bit_length())]
    found = []
    for draw in range(draws):
        scores = np.random.default_rng(draw).normal(size=(16, lengths[-1]))
        entropy = [_entropy(SCALES[scale](n, shortest) * scores[:, :n]) for n in lengths]
        found.append(float(np.polyfit(np.log(lengths), entropy, 1)[0]))
    return found


def _entropy(scores: np.ndarray) -> float:
    logs = log_softmax(scores, axis=-1)
    return float(-(np.exp(logs) * logs).sum(-1).mean())
