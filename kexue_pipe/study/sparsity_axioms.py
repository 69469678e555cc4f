"""Which measures of sparsity obey which of six axioms: a search for counterexamples.

    robin_hood    moving mass from a large to a small entry lowers the measure
    scaling       a x has the measure of x
    rising_tide   x + a has a lower measure
    cloning       (x, x) has the measure of x
    bill_gates    making the largest entry much larger raises it
    babies        (x, 0) has a higher measure

x has positive entries; of every measure the larger value is sparser. p = x / sum x, n entries.

Sources: Comparing Measures of Sparsity (arXiv 0811.4706);
如何度量数据的稀疏程度? (post 9595, 2023-05-05).
Departure: what a search does not refute is taken to hold.
"""

from collections.abc import Callable

import numpy as np

Vector = np.ndarray
SAME = 1e-9  # relative difference below which two values are equal


def _gini(x: Vector) -> float:
    n, ordered = len(x), np.sort(x)
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * x.sum()))


def _divergence(x: Vector) -> float:
    p = x[x > 0] / x.sum()
    return float(np.log(len(x)) + (p * np.log(p)).sum())


def _hoyer(x: Vector) -> float:
    root = len(x) ** 0.5
    return float((root - x.sum() / np.linalg.norm(x)) / (root - 1))


MEASURES: dict[str, Callable[[Vector], float]] = {
    "gini": _gini,
    "l1_l2": lambda x: float(-x.sum() / np.linalg.norm(x)),
    "l1_l2_root": lambda x: float(-x.sum() / np.linalg.norm(x) / len(x) ** 0.5),
    "divergence": _divergence,
    "hoyer": _hoyer,
    "participation": lambda x: float(-(x.sum() ** 2) / (x**2).sum() / len(x)),
}


def _robin_hood(x: Vector, rng: np.random.Generator) -> Vector:
    low, high = sorted(rng.choice(len(x), 2, replace=False), key=lambda i: x[i])
    moved = x.copy()
    moved[[low, high]] += np.array([1, -1]) * 0.4 * (x[high] - x[low])
    return moved


def _bill_gates(x: Vector, rng: np.random.Generator) -> Vector:
    moved = x.copy()
    moved[x.argmax()] += 10 * x.sum() * (1 + rng.random())
    return moved


# how a vector is changed, and the sign of what the measure does
AXIOMS: dict[str, tuple[Callable[[Vector, np.random.Generator], Vector], int]] = {
    "robin_hood": (_robin_hood, -1),
    "scaling": (lambda x, rng: x * (0.1 + 3 * rng.random()), 0),
    "rising_tide": (lambda x, rng: x + x.max() * (0.01 + rng.random()), -1),
    "cloning": (lambda x, rng: np.concatenate([x, x]), 0),
    "bill_gates": (_bill_gates, 1),
    "babies": (lambda x, rng: np.append(x, 0.0), 1),
}


def violations(measure: str, axiom: str, trials: int) -> float:
    """Count the random vectors for which a measure breaks an axiom."""
    value, (change, wanted) = MEASURES[measure], AXIOMS[axiom]
    rng, broken = np.random.default_rng(0), 0
    for _ in range(trials):
        x = rng.exponential(size=rng.integers(3, 12)) + 1e-3
        before, after = value(x), value(change(x, rng))
        moved = 0 if abs(after - before) <= SAME * abs(before) else np.sign(after - before)
        broken += moved != wanted
    return float(broken)


def satisfying(trials: int) -> float:
    """Count the measures that break none of the axioms."""
    return float(sum(all(not violations(m, a, trials) for a in AXIOMS) for m in MEASURES))
