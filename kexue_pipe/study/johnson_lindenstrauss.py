"""How many dimensions keep N points, or N random keys, apart: the constants in front of log N.

    kept:      max over pairs | |P x_i - P x_j|^2 / |x_i - x_j|^2 - 1 | <= eps,  P Gaussian onto
               d = c log N / eps^2 dimensions
    own_mass:  mean over i of softmax_j(d^(-s) k_i . k_j)_i,  |k| = sqrt d,  d = c log N

N points or keys, c the constant, s power of the scale (0.5 is that of attention).

Sources: 让人惊叹的Johnson-Lindenstrauss引理:理论篇 (post 8679, 2021-09-17);
关于维度公式“n > 8.33 log N”的可用性分析 (post 8711, 2021-09-27).
Departure: d is rounded up.
"""

from math import ceil, log

import numpy as np

AMBIENT = 1000  # dimensions of the points before the projection


def kept(num_points: int, constant: float, error: float, draws: int) -> list[float]:
    """Give for each draw whether all squared distances are kept within the error."""
    width = ceil(constant * log(num_points) / error**2)
    pairs = np.triu_indices(num_points, 1)
    found = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        points = rng.normal(size=(num_points, AMBIENT))
        image = points @ rng.normal(size=(AMBIENT, width)) / width**0.5
        before, after = (_squared_distances(x)[pairs] for x in (points, image))
        found.append(float(np.abs(after / before - 1).max() <= error))
    return found


def _squared_distances(points: np.ndarray) -> np.ndarray:
    squares = (points**2).sum(1)
    return squares[:, None] + squares - 2 * points @ points.T


def own_mass(num_keys: int, constant: float, power: float, draws: int) -> list[float]:
    """Give for each draw the mean mass that a key puts on itself among all keys."""
    width = ceil(constant * log(num_keys))
    found = []
    for draw in range(draws):
        keys = np.random.default_rng(draw).normal(size=(num_keys, width))
        keys *= width**0.5 / np.linalg.norm(keys, axis=1, keepdims=True)
        scores = keys @ keys.T * width**-power
        others = np.exp(scores - np.diag(scores)[:, None]).sum(1)
        found.append(float((1 / others).mean()))
    return found
