"""From the two sides of a claim to one number per seed.

A side is

    0.9                                              a number that the claim names
    {variant: ..., extension: window, length: 8}     a measurement of one variant
    [a, b]                                           the difference a - b of two sides
    {variant: ..., over: {length: [1, 2, 4]}}        a summary over points: by default the slope
                                                     against log2 of the numbers, or against `x`
    {over: {variant: [...]}, against: {...}, summary: correlation}

Points that name no number need `x`, or `against`, another measure of the same points.
"""

from collections.abc import Callable, Mapping
from math import isfinite, log2
from typing import Any

import numpy as np
import polars as pl

from kexue_pipe.claim import measures

Tables = Mapping[str, pl.DataFrame]
Values = dict[int, float] | float


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Give the rank correlation, 0 where one side does not vary."""
    if 0 in (np.ptp(x), np.ptp(y)):
        return 0.0
    return float(np.corrcoef([pl.Series(numbers).rank() for numbers in (x, y)])[0, 1])


SUMMARIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "slope": lambda x, y: float(np.polyfit(x, y, 1)[0]),
    "correlation": correlation,
    "association": lambda x, y: abs(correlation(x, y)),
    "max": lambda x, y: float(y.max()),
    "min": lambda x, y: float(y.min()),
    "mean": lambda x, y: float(y.mean()),
}
SHAPE = ("over", "x", "against", "summary")  # keys of a side that are no words of its measure


def values(side: Any, measure: Mapping[str, Any], tables: Tables) -> Values:
    """Give the number of a side for each seed that has one, or the number that it is."""
    if isinstance(side, int | float):
        return float(side)
    if isinstance(side, list):
        return difference(*(values(part, measure, tables) for part in side))
    if "over" not in side:
        words = {**measure, **side}
        quantity = getattr(measures, words.pop("quantity"))
        return {seed: v for seed, v in quantity(tables, **words).items() if isfinite(v)}
    return _summary(side, measure, tables)


def points(side: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the measurements of a side with `over`."""
    ((key, options),) = side["over"].items()
    rest = {word: value for word, value in side.items() if word not in SHAPE}
    return [rest | {key: option} for option in options]


def _summary(side: Mapping[str, Any], measure: Mapping[str, Any], tables: Tables) -> Values:
    ((_, options),) = side["over"].items()
    x: list[Values] = [float(number) for number in side.get("x", [])]
    if "against" in side:
        x = [values(point, side["against"], tables) for point in points(side)]
    if not x:
        x = [log2(o) if isinstance(o, int | float) else float("nan") for o in options]
    y = [values(point, measure, tables) for point in points(side)]
    summary = SUMMARIES[side.get("summary", "slope")]
    seeds = shared([*x, *y])
    return {s: summary(np.array(at(x, s)), np.array(at(y, s))) for s in seeds}


def shared(parts: list[Values]) -> list[int]:
    """List the seeds that all parts have."""
    known = [set(part) for part in parts if isinstance(part, dict)]
    return sorted(set.intersection(*known)) if known else []


def at(parts: list[Values], seed: int) -> list[float]:
    """Give the number of each part for a seed."""
    return [part[seed] if isinstance(part, dict) else part for part in parts]


def difference(left: Values, right: Values) -> Values:
    """Subtract seed by seed; a number is the same for all seeds."""
    if isinstance(left, float) and isinstance(right, float):
        return left - right
    return {s: at([left], s)[0] - at([right], s)[0] for s in shared([left, right])}


def leaves(side: Any) -> list[dict[str, Any]]:
    """List the measurements that a side consists of."""
    if isinstance(side, int | float):
        return []
    if isinstance(side, list):
        return [leaf for part in side for leaf in leaves(part)]
    return points(side) if "over" in side else [dict(side)]


def renamed(side: Any, names: Mapping[str, str]) -> Any:
    """Give a side with other names of variants."""
    if isinstance(side, list):
        return [renamed(part, names) for part in side]
    if isinstance(side, dict):
        return {key: renamed(value, names) for key, value in side.items()}
    return names.get(side, side) if isinstance(side, str) else side
