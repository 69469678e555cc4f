"""How even a row of attention is before training: the ratio S of its coefficients.

    S(a) = mean |a_j| / sqrt(mean a_j^2)

    a_j = exp(q . k_j)        softmax: exp(-gamma^2 / 2) as n -> inf
    a_j = phi(q) . phi(k_j)   elu1, relu: towards 1 with the width; identity: sqrt(2 / pi)

k_j, (width,), j = 1 ... n, from N(0, 1) per channel; q, of length gamma, for softmax, else as k_j.

Source: 注意力机制真的可以“集中注意力”吗? (post 9889, 2023-12-12). Departure: it has sqrt(width)
as the largest l2 / l1 of phi(q), which is 1.
"""

import numpy as np


def widening(feature: str, narrow: int, wide: int, num_keys: int, draws: int) -> list[float]:
    """Give for each draw how much S of linear attention grows from narrow to wide features."""
    rngs = (np.random.default_rng(draw) for draw in range(draws))
    return [
        _linear(feature, wide, num_keys, r) - _linear(feature, narrow, num_keys, r) for r in rngs
    ]


def softmax(gamma: float, num_keys: int, draws: int) -> list[float]:
    """Give S of softmax attention for each draw."""
    rngs = (np.random.default_rng(draw) for draw in range(draws))
    return [_ratio(np.exp(gamma * rng.normal(size=num_keys))) for rng in rngs]


def _linear(feature: str, width: int, num_keys: int, rng: np.random.Generator) -> float:
    x = rng.normal(size=(num_keys + 1, width))  # keys, then the query
    phi = {
        "elu1": np.where(x > 0, 1 + x, np.exp(np.minimum(x, 0))),
        "relu": np.maximum(x, 0),
        "identity": x,
    }[feature]
    return _ratio(phi[:-1] @ phi[-1])


def _ratio(row: np.ndarray) -> float:
    return float(np.abs(row).mean() / np.sqrt(np.square(row).mean()))
