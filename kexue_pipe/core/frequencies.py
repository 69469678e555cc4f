"""Frequencies of what was seen, smoothed so that nothing is impossible.

    p(b) = (n_b + t q(b)) / (n + t)

n_b of the n symbols seen are b, t of them are different, and q (K,) is what is assumed of symbols
that were not seen; without any symbol p = q. Seen beside a neighbour a, they give p(b | a).

Source: Witten, Bell, "The zero-frequency problem: Estimating the probabilities of novel events in
adaptive text compression" (IEEE Transactions on Information Theory 37, 1991), their method C.
Departure: what is not seen shares its part as q says, and so does what is seen.
"""

from collections.abc import Mapping

import numpy as np


def smoothed(seen: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Give the smoothed frequencies (K,) of the symbols seen."""
    counts = np.bincount(seen.ravel(), minlength=len(q))
    kinds = np.count_nonzero(counts)
    return (counts + kinds * q) / (counts.sum() + kinds) if kinds else q


def score(
    tables: Mapping[int, np.ndarray], contexts: np.ndarray, answers: np.ndarray
) -> tuple[float, float]:
    """Give mean loss, nats, and accuracy of the table (K,) that belongs to each context."""
    nats = hits = 0.0
    for context, p in tables.items():
        asked = answers[contexts == context]
        nats -= float(np.log(p[asked]).sum())
        hits += float((asked == p.argmax()).sum())
    return nats / answers.size, hits / answers.size
