"""How even a row of attention is before training: the ratio S of its coefficients.

    S(a) = mean |a_j| / sqrt(mean a_j^2)

    a_j = exp(s_j)            exp(-gamma^2 / 2) as n -> inf
    a_j = s_j                 sqrt(2 / pi) at beta = 0, and no less at any other
    a_j = relu(s_j)^2         1 / sqrt(6) at beta = 0 for every gamma; towards 0 for beta < 0 only
    a_j = phi(q) . phi(k_j)   elu1, relu: towards 1 with the width; identity: sqrt(2 / pi)
    a_j = rate^j              sqrt((1 - r^n) (1 + r) / (n (1 - r) (1 + r^n))), whatever the content

s_j ~ N(beta, gamma^2), j = 1 ... n; q, k_j, (width,), from N(0, 1) per channel. FAVOR+ features,
4 per channel, approximate exp(q . k_j / sqrt(width)).

Sources: 注意力机制真的可以“集中注意力”吗? (post 9889, 2023-12-12); Rethinking Attention with
Performers (arXiv 2009.14794). Departure: the post has sqrt(width) as the largest l2 / l1 of phi(q),
which is 1.
"""

from collections.abc import Callable

import numpy as np

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp,
    "identity": lambda s: s,
    "relu2": lambda s: np.maximum(s, 0) ** 2,
}


def widening(feature: str, narrow: int, wide: int, num_keys: int, draws: int) -> list[float]:
    """Give for each draw how much S of linear attention grows from narrow to wide features."""
    rngs = (np.random.default_rng(draw) for draw in range(draws))
    return [
        _linear(feature, wide, num_keys, r) - _linear(feature, narrow, num_keys, r) for r in rngs
    ]


def scored(function: str, beta: float, gamma: float, num_keys: int, draws: int) -> list[float]:
    """Give S of a function of random scores for each draw."""
    rngs = (np.random.default_rng(draw) for draw in range(draws))
    apply = FUNCTIONS[function]
    return [_ratio(apply(rng.normal(beta, gamma, num_keys))) for rng in rngs]


def decayed(rate: float, num_keys: int) -> float:
    """Give S of a row that holds nothing but a decay."""
    return _ratio(rate ** np.arange(num_keys))


def favor(width: int, num_keys: int, draws: int) -> list[float]:
    """Give for each draw S of FAVOR+ attention minus that of what it approximates."""
    found = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        blocks = [np.linalg.qr(rng.normal(size=(width, width)))[0] for _ in range(4)]
        lengths = np.linalg.norm(rng.normal(size=(4 * width, width)), axis=1)
        x = rng.normal(size=(num_keys + 1, width)) / width**0.25  # keys, then the query
        logs = x @ (np.concatenate(blocks) * lengths[:, None]).T - np.square(x).sum(1)[:, None] / 2
        phi = np.exp(logs - logs.max())
        found.append(_ratio(phi[:-1] @ phi[-1]) - _ratio(np.exp(x[:-1] @ x[-1])))
    return found


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
