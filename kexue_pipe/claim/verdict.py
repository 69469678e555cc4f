"""From one number per seed to a verdict: paired t-tests, two one-sided tests, Holm, and power.

    t = (mean - c) sqrt(k) / s,  k seeds, Student's t with k - 1 degrees of freedom

A claim says that a difference d is `greater` than nothing, `equal` to it, or `not_less`; `less` and
`not_greater` are these of -d. With e, the smallest effect that matters, the estimate suggests one
verdict, and one test decides whether it is given:

    different   |mean| >= e and d = 0 is rejected, two-sided
    same        |mean| <  e and both |d| >= e are rejected, one-sided (TOST)
    not worse   mean > -e   and d <= -e is rejected, one-sided

p-values are adjusted by Holm within the claims of one source; the interval never is.

Sources: Schuirmann 1987 for two one-sided tests; Holm 1979, A Simple Sequentially Rejective
Multiple Test Procedure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

import numpy as np
from scipy.special import nctdtr, stdtr, stdtrit

LEVEL = 0.05
MIN_SEEDS = 3  # no interval and no verdict below
POWER = 0.8
MAX_SEEDS = 1000  # more are not worth telling
FLIPPED = {"less": "greater", "not_greater": "not_less"}
DIRECTIONS = ("greater", "less", "equal", "not_less", "not_greater")


@dataclass(frozen=True)
class Sample:
    """One number per seed, summed up."""

    k: int
    mean: float
    sd: float  # of one seed; 0 where all agree

    @property
    def error(self) -> float:
        return self.sd / sqrt(self.k)


def sample(values: Sequence[float]) -> Sample:
    """Sum up the numbers of all seeds."""
    if len(values) < 2:
        return Sample(len(values), float(np.mean(values)), nan)
    spread = np.std(values, ddof=1) if np.ptp(values) else 0.0  # that of equal numbers is rounding
    return Sample(len(values), float(np.mean(values)), float(spread))


def interval(seeds: Sample) -> tuple[float, float] | None:
    """Give the unadjusted 95 % t-interval of the mean; none below MIN_SEEDS."""
    if seeds.k < MIN_SEEDS:
        return None
    half = stdtrit(seeds.k - 1, 1 - LEVEL / 2) * seeds.error
    return seeds.mean - half, seeds.mean + half


def suggested(mean: float, direction: str, smallest: float) -> tuple[str, str]:
    """Give the verdict that an estimate suggests, and the test that it has to pass."""
    if direction in FLIPPED:
        mean, direction = -mean, FLIPPED[direction]
    far = abs(mean) >= smallest
    if direction == "not_less":
        return ("supported", "not worse") if mean > -smallest else ("contradicted", "different")
    if direction == "equal":
        return ("contradicted", "different") if far else ("supported", "same")
    if not far:
        return "contradicted", "same"
    return "supported" if mean > 0 else "contradicted", "different"


def p_value(seeds: Sample, direction: str, smallest: float) -> float:
    """Give the p-value of the test that the estimate has to pass."""
    if seeds.k < MIN_SEEDS:
        return nan
    mean = -seeds.mean if direction in FLIPPED else seeds.mean
    test = suggested(seeds.mean, direction, smallest)[1]

    def tail(distance: float) -> float:
        """Give the probability of a mean this far above the border, if the border were true."""
        t = distance / seeds.error if seeds.error else inf * np.sign(distance)
        return float(stdtr(seeds.k - 1, -t)) if distance else 0.5

    one_sided: dict[str, Callable[[], float]] = {
        "different": lambda: 2 * tail(abs(mean)),
        "same": lambda: max(tail(mean + smallest), tail(smallest - mean)),
        "not worse": lambda: tail(mean + smallest),
    }
    return one_sided[test]()


def holm(p_values: Sequence[float], number: int) -> list[float]:
    """Adjust p-values for a family of `number` claims; those without one stand behind all others.

    adjusted p of rank i (from 0) = max over ranks j <= i of min(1, (number - j) p_j)
    """
    adjusted, worst = [nan] * len(p_values), 0.0
    known = [i for i, p in enumerate(p_values) if isfinite(p)]
    for rank, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, (number - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted


def verdict(seeds: Sample, adjusted: float, direction: str, smallest: float) -> str:
    """Give the suggested verdict if its adjusted p-value is below the level."""
    decided = isfinite(adjusted) and adjusted < LEVEL
    return suggested(seeds.mean, direction, smallest)[0] if decided else "inconclusive"


def seeds_needed(seeds: Sample, direction: str, smallest: float, level: float) -> int | None:
    """Give the number of seeds that pass the test with probability POWER, at the observed numbers.

    The observed mean and spread are taken for the true ones; `level` is what Holm leaves. None
    where more than MAX_SEEDS would be needed: the estimate then stands at a border.
    """
    if not isfinite(seeds.sd) or not isfinite(seeds.mean):
        return None
    mean = -seeds.mean if direction in FLIPPED else seeds.mean
    test = suggested(seeds.mean, direction, smallest)[1]
    borders = {
        "different": [(abs(mean), level / 2)],
        "same": [(mean + smallest, level), (smallest - mean, level)],
        "not worse": [(mean + smallest, level)],
    }[test]

    def enough(k: int) -> bool:
        misses = (1 - _power(distance, seeds.sd, k, at) for distance, at in borders)
        return 1 - sum(misses) >= POWER

    low, high = MIN_SEEDS, MAX_SEEDS
    if not enough(high):
        return None
    while low < high:  # power grows with the seeds
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _power(distance: float, sd: float, k: int, level: float) -> float:
    """Give the power of a one-sided t-test against a border at a distance from the mean."""
    if sd == 0:
        return float(distance > 0)
    shift = min(distance / sd * sqrt(k), 30.0)  # beyond, it is 1 and scipy gives NaN
    return 1 - float(nctdtr(k - 1, shift, -stdtrit(k - 1, level)))
