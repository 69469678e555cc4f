"""The effective rank of uniform causal averaging.

    share = exp(H(s / sum s)) / n,   s singular values of A,   A_ij = 1 / (i + 1) for j <= i

Sources: 注意力机制真的可以“集中注意力”吗? (post 9889, 2023-12-12); O. Roy and M. Vetterli, The
Effective Rank (2007). Departure: none.
"""

import numpy as np
from scipy.stats import entropy


def share(size: int) -> float:
    """Give the effective rank over the size."""
    matrix = np.tril(np.ones((size, size))) / np.arange(1, size + 1)[:, None]
    return float(np.exp(entropy(np.linalg.svd(matrix, compute_uv=False))) / size)
