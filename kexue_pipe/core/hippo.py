"""HiPPO: a state that holds the past of a signal as coefficients of Legendre polynomials.

    LegS, all of the past:     x' = (A x + B u) / t,   B_n = sqrt(2n + 1)
        A_nk = -sqrt((2n + 1)(2k + 1))  for k < n,   -(n + 1)  for k = n,   0  for k > n
    LegT, the last w:          x' = A x + B u,         B_n = sqrt(2n + 1) / w
        A_nk = -sqrt((2n + 1)(2k + 1)) (1 if k < n else (-1)^(n - k)) / w
    u(s t) ~ sum_n x_n sqrt(2n + 1) P_n(2s - 1),   s = 0 ... 1

    x    state, (N,);  u  signal, constant over a token;  P_n  Legendre polynomial
    t    tokens so far;  w  window, tokens

A of LegS is Lambda - P P^*, with a diagonal Lambda, in the basis that makes A + v v^T / 2 diagonal,
v = B: this is what S4 starts from, with x' = A x + B u, whose memory fades exponentially.

Source: Gu et al., "HiPPO: Recurrent Memory with Optimal Polynomial Projections" (arXiv 2008.07669);
Gu et al., "Efficiently Modeling Long Sequences with Structured State Spaces" (arXiv 2111.00396).
"""

from typing import Any

import numpy as np
from numpy.polynomial.legendre import legval
from scipy.linalg import expm

Array = np.ndarray[Any, Any]


def legs(size: int) -> tuple[Array, Array]:
    """Give A (N, N) and B (N,) of the memory of all of the past."""
    n = np.arange(size)
    root = np.sqrt(2 * n + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(n + 1.0), root


def legt(size: int, window: float) -> tuple[Array, Array]:
    """Give A (N, N) and B (N,) of the memory of a window of tokens."""
    n = np.arange(size)
    root = np.sqrt(2 * n + 1)
    sign = np.where(n[:, None] > n, 1.0, (-1.0) ** (n[:, None] - n))
    return -np.outer(root, root) * sign / window, root / window


def legs_normal(size: int) -> tuple[Array, Array, Array]:
    """Give Lambda, P and B of LegS, (N/2,) each: one of every pair of conjugates."""
    a, v = legs(size)
    skew = a + np.outer(v, v) / 2 + np.eye(size) / 2
    frequency, basis = np.linalg.eigh(-1j * skew)
    upper = basis[:, frequency > 0].conj().T @ v  # (N/2,)
    return -0.5 + 1j * frequency[frequency > 0], upper / np.sqrt(2), upper


def legs_product(x: Array) -> Array:
    """Give A x of LegS in O(N)."""
    n = np.arange(len(x))
    root = np.sqrt(2 * n + 1)
    before = np.cumsum(root * x) - root * x
    return -root * before - (n + 1) * x


def legs_solve(v: Array, step: float) -> Array:
    """Give (I - step A)^-1 v of LegS in O(N)."""
    z, total = np.empty_like(v), 0.0  # total: sum_k<n sqrt(2k + 1) z_k
    for n, root in enumerate(np.sqrt(2 * np.arange(len(v)) + 1)):
        z[n] = (v[n] - step * root * total) / (1 + step * (n + 1))
        total += root * z[n]
    return z


def remember(u: Array, size: int, exact: bool) -> Array:
    """Give the LegS state (N,) after a signal (T,), exactly or by the bilinear rule in O(T N)."""
    a, b = legs(size)
    x = np.zeros(size)
    x[0] = u[0]  # t = 0 is singular, and a constant is its own projection
    for t in range(1, len(u)):
        if exact:
            fade = expm(np.log((t + 1) / t) * a)
            x = fade @ x + np.linalg.solve(a, (fade - np.eye(size)) @ b) * u[t]
        else:
            x = x + legs_product(x) / (2 * t) + b * u[t] * (1 / (2 * t) + 1 / (2 * (t + 1)))
            x = legs_solve(x, 1 / (2 * (t + 1)))
    return x


def remember_window(u: Array, size: int, window: float) -> Array:
    """Give the LegT state (N,) after a signal (T,), exactly."""
    a, b = legt(size, window)
    fade = expm(a)
    gain = np.linalg.solve(a, (fade - np.eye(size)) @ b)
    x = np.zeros(size)
    for value in u:
        x = fade @ x + gain * value
    return x


def recall(x: Array, s: Array) -> Array:
    """Give the signal that a state (N,) holds, at times s from 0, the oldest, to 1, the newest."""
    return legval(2 * s - 1, x * np.sqrt(2 * np.arange(len(x)) + 1))
