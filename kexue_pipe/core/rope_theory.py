"""What can be derived about a rotary base without training anything.

    f_b(m) = sum_p cos(m b^(-2p/D)),  p = 0 ... D/2 - 1     r_p = N b^(-2p/D) / (2 pi)

f_b(m) is the expected score of a key that is like its query, at a distance of m tokens, above that
of any other key: where it is negative, like is repelled. r_p counts the turns of pair p within the
training length N: a pair with r_p < 1 has only seen an arc. b base, D width of a head.

Source: Transformer升级之路:18、RoPE的底数选择原则 (post 10122, 2024-05-29) and Base of RoPE Bounds
Context Length (arXiv 2405.14591). Departure: none; numpy only.
"""

import numpy as np
from numpy.typing import NDArray


def frequencies(base: float, width: int) -> NDArray[np.float64]:
    """Give the frequency of each pair, (D/2,) radians per token."""
    return base ** (-2.0 * np.arange(width // 2) / width)


def similarity(base: float, width: int, length: int) -> NDArray[np.float64]:
    """Give f_b(m) for m = 0 ... length - 1."""
    return np.cos(np.outer(np.arange(length), frequencies(base, width))).sum(1)


def reach(base: float, width: int, limit: int) -> int:
    """Give the first m with f_b(m) < 0, the context that the base serves; at most `limit`."""
    negative = np.flatnonzero(similarity(base, width, limit) < 0)
    return int(negative[0]) if len(negative) else limit


def minimum_base(length: int, width: int, per_decade: int) -> float:
    """Give b*(L), the smallest base on a grid above 1 with f_b(m) >= 0 for all m < L."""
    for step in range(1, 12 * per_decade):
        base = 10.0 ** (step / per_decade)
        if reach(base, width, length) == length:
            return base
    raise ValueError(f"no base up to 1e12 serves {length} tokens at a head width of {width}")


def under_rotated(base: float, width: int, train_length: int) -> int:
    """Count the pairs with r_p < 1."""
    return int((train_length * frequencies(base, width) < 2 * np.pi).sum())
