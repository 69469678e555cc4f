"""The effective rank of causal attention before training, and of uniform causal averaging.

    averaging  A_ij = 1 / (i + 1) for j <= i
    softmax    A_ij ~ exp(q_i . k_j / sqrt(width)),   elu1  A_ij ~ phi(q_i) . phi(k_j)

Rows of A sum to one over j <= i < size; q_i, k_j, (width,), from N(0, 1) per channel.

Sources: 注意力机制真的可以“集中注意力”吗? (post 9889, 2023-12-12); O. Roy and M. Vetterli, The
Effective Rank (2007). Departure: none.
"""

import numpy as np

from kexue_pipe.core.matrix_rank import ranks


def share(size: int) -> float:
    """Give the effective rank of averaging over the size."""
    return _rank(np.ones((size, size))) / size


def above(kernel: str, size: int, width: int, draws: int) -> list[float]:
    """Give for each draw the effective rank of attention over that of averaging."""
    found = []
    for draw in range(draws):
        q, k = np.random.default_rng(draw).normal(size=(2, size, width))
        if kernel == "elu1":
            q, k = (np.where(x > 0, 1 + x, np.exp(np.minimum(x, 0))) for x in (q, k))
        scores = q @ k.T
        rows = scores if kernel == "elu1" else np.exp(scores / width**0.5)
        found.append(_rank(rows) / (share(size) * size))
    return found


def _rank(rows: np.ndarray) -> float:
    causal = np.tril(rows)
    matrix = causal / causal.sum(1, keepdims=True)
    return float(ranks(matrix)["erank"])
