"""The smooth top-k operator of the Laplace distribution at k = 1, against softmax.

    p_j = f(x_j - t) with sum_j p_j = 1,   f(x) = e^x / 2 for x < 0, 1 - e^-x / 2 otherwise

x scores, t the threshold that makes the sum 1, found by bisection.

Source: Softmax后传:寻找Top-K的光滑近似 (post 10373, 2024-09-19). Departure: none.
"""

import numpy as np
from scipy.optimize import brentq


def gap(largest: float, num_scores: int) -> float:
    """Give the largest difference between the two for scores whose softmax has a given maximum."""
    rest = (1 - largest) / (num_scores - 1)
    target = np.array([largest, *[rest] * (num_scores - 1)])
    scores = np.log(target)
    threshold = brentq(lambda t: _laplace(scores - t).sum() - 1, -50, 50, xtol=1e-14)
    return float(np.abs(_laplace(scores - threshold) - target).max())


def _laplace(x: np.ndarray) -> np.ndarray:
    half = np.exp(-np.abs(x)) / 2
    return np.where(x < 0, half, 1 - half)
