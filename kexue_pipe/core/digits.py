"""Joint codes: several digits in one index, the first digit fastest.

    index = sum_i digit_i prod_{j<i} L_j

Indices are whole numbers throughout: float32 is exact only below 2^24.
"""

from math import prod

from torch import Tensor


def joint(digits: list[Tensor], sizes: tuple[int, ...]) -> Tensor:
    """Give the joint index of one digit per factor, each (N,) -> (N,)."""
    return sum((d * prod(sizes[:i]) for i, d in enumerate(digits[1:], 1)), start=digits[0])


def split(index: Tensor, sizes: tuple[int, ...]) -> list[Tensor]:
    """Give the digits of a joint index, (N,) -> one (N,) per factor."""
    return [index // prod(sizes[:i]) % size for i, size in enumerate(sizes)]


def root(K: int, degree: int) -> int | None:
    """Give the whole number k >= 2 with k^degree = K, or None."""
    k = round(K ** (1 / degree))
    return k if k > 1 and k**degree == K else None
