"""Ranks of matrices that are neither 0 nor 1 in between: effective and stable rank.

    erank(A) = exp(H(s / sum s)),   srank(A) = |A|_F^2 / |A|_2^2 = sum s^2 / max s^2

s singular values of A, H entropy; both lie between 1 and the size. Uniform causal averaging,
A_ij = 1 / (i + 1) for j <= i, has erank 21.06 and srank 1.86 at size 64: that is what ranks of
causal matrices are read beside, since all with a positive diagonal have full algebraic rank.
Sources: O. Roy and M. Vetterli, The Effective Rank (2007); stable rank as in M. Rudelson and
R. Vershynin (math/0503442).
"""

import numpy as np
from scipy.special import entr


def ranks(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Give both ranks of matrices (..., n, n) float64; NaN of one that is 0 or not finite."""
    sound = np.isfinite(matrices).all((-2, -1), keepdims=True)
    sizes = np.linalg.svd(np.where(sound, matrices, 0.0), compute_uv=False)  # largest first
    sizes = np.where(sizes[..., :1] > 0, sizes, np.nan)
    stable = np.square(sizes).sum(-1) / np.square(sizes[..., 0])
    shares = sizes / sizes.sum(-1, keepdims=True)
    return {"erank": np.exp(entr(shares).sum(-1)), "srank": stable}


def averaging(size: int) -> np.ndarray:
    """Give the matrix of uniform causal averaging."""
    return np.tril(np.ones((size, size))) / np.arange(1, size + 1)[:, None]
