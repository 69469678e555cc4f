"""How much noise of the scores changes the output of sparsemax and of softmax, at equal width.

    R = E |o~ - o|^2 / sum_j p_j |v_j - o|^2,   o = sum_j p_j v_j,   o~ the same with noisy scores

Scores of each normaliser are stretched until its rows have the same participation 1 / sum p^2.
`relative` noise is a share of the spread of the stretched scores. v ~ N(0, 1), (n, 16).

Sources: 注意力和Softmax的两点有趣发现:鲁棒性和信息量 (post 9593, 2023-04-25);
sparsemax (arXiv 1602.02068).
Departure: rows are of random scores, not of a trained model.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

NOISES = 64  # draws of noise for each row


def lead(
    num_scores: int, participation: float, noise: float, relative: bool, draws: int
) -> list[float]:
    """Give for each draw how much larger R is for sparsemax than for softmax."""
    found = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        scores, values = rng.normal(size=num_scores), rng.normal(size=(num_scores, 16))
        shake = noise * rng.normal(size=(NOISES, num_scores))
        r = [
            _change(rows, scores, participation, shake, relative, values)
            for rows in (_sparsemax, lambda x: softmax(x, axis=-1))
        ]
        found.append(float(r[0] - r[1]))
    return found


def _change(
    rows: Callable[[np.ndarray], np.ndarray],
    scores: np.ndarray,
    participation: float,
    shake: np.ndarray,
    relative: bool,
    values: np.ndarray,
) -> float:
    def width(log_stretch: float) -> float:
        return float(1 / (rows(np.exp(log_stretch) * scores[None]) ** 2).sum() - participation)

    stretch = np.exp(brentq(width, -12, 4))
    p = rows(stretch * scores[None])
    noisy = rows(stretch * scores + shake * (stretch if relative else 1.0))
    mean = p @ values
    spread = (p[0] * ((values - mean) ** 2).sum(1)).sum()
    return float((((noisy - p) @ values) ** 2).sum(1).mean() / spread)


def _sparsemax(scores: np.ndarray) -> np.ndarray:
    ordered = -np.sort(-scores, axis=-1)
    sums = ordered.cumsum(-1) - 1
    count = np.arange(1, scores.shape[-1] + 1)
    support = (ordered * count > sums).sum(-1, keepdims=True)
    threshold = np.take_along_axis(sums, support - 1, -1) / support
    return np.maximum(scores - threshold, 0)
