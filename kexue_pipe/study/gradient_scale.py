"""How much gradient a softmax over random scores lets through, against the scale of the scores.

    g(a) = a (1 - sum_j p_j^2),   p = softmax(a z),   z ~ N(0, 1), n of them

(1 - sum p^2) is half the l1 norm of the Jacobian of softmax, and a the factor from scores to z. The
post estimates g(a) ~ a (1 - e^(a^2) / n) and takes its maximum for that of g.

Source: 从梯度最大化看Attention的Scale操作 (post 9812, 2023-10-22). Departure: none.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax


def estimated(num_keys: int) -> float:
    """Give the scale at which the estimate of the post is largest."""
    found = minimize_scalar(
        lambda a: a * (np.exp(a * a) / num_keys - 1), bounds=(0.1, 5), method="bounded"
    )
    return float(found.x)


def peak(num_keys: int, draws: int) -> list[float]:
    """Give for each draw of 16 rows how far the largest g stands above the estimated scale."""
    found = []
    for draw in range(draws):
        z = np.random.default_rng(draw).normal(size=(16, num_keys))
        best = minimize_scalar(
            lambda a, z=z: -_gradient(a, z).mean(), bounds=(0.5, 10), method="bounded"
        )
        found.append(float(best.x) - estimated(num_keys))
    return found


def doubling(num_keys: int, draws: int) -> list[float]:
    """Give for each draw of 16 rows how g grows from that scale to twice as much."""
    scale, found = estimated(num_keys), []
    for draw in range(draws):
        z = np.random.default_rng(draw).normal(size=(16, num_keys))
        found.append(float((_gradient(2 * scale, z) - _gradient(scale, z)).mean()))
    return found


def _gradient(scale: float, z: np.ndarray) -> np.ndarray:
    return scale * (1 - np.square(softmax(scale * z, axis=-1)).sum(-1))
