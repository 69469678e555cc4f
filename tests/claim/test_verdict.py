"""Facts about verdicts on synthetic seeds whose truth is known: coverage, errors, power, Holm."""

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from kexue_pipe.claim import verdict as v
from kexue_pipe.claim import words

REPEATS = 2000
NUMBERS = st.floats(-5, 5, allow_subnormal=False)


def draws(mean: float, sd: float, k: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, sd, (REPEATS, k))


def verdicts(values: np.ndarray, direction: str, smallest: float) -> list[str]:
    seeds = [v.sample(row) for row in values]
    return [v.verdict(s, v.p_value(s, direction, smallest), direction, smallest) for s in seeds]


def test_intervals_cover_the_truth_in_95_percent() -> None:
    found = [v.interval(v.sample(row)) for row in draws(2.0, 3.0, 4)]
    covered = np.mean([low < 2.0 < high for low, high in found if low is not None])
    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("direction", v.DIRECTIONS)
@pytest.mark.parametrize("k", [3, 5])
def test_a_false_verdict_is_as_rare_as_the_level_says(direction: str, k: int) -> None:
    # at each border of what a claim says, the false verdict is what lies on the other side
    borders = {
        "greater": [(0.0, "supported")],
        "less": [(0.0, "supported")],
        "equal": [(1.0, "supported"), (-1.0, "supported"), (0.0, "contradicted")],
        "not_less": [(-1.0, "supported"), (0.0, "contradicted")],
        "not_greater": [(1.0, "supported"), (0.0, "contradicted")],
    }
    for truth, wrong in borders[direction]:
        for sd in (0.2, 1.0, 3.0):
            found = verdicts(draws(truth, sd, k, seed=k), direction, smallest=1.0)
            assert found.count(wrong) / REPEATS < v.LEVEL + 0.015


@pytest.mark.parametrize(
    ("direction", "truth", "expected"),
    [
        ("greater", 2.0, "supported"),
        ("greater", -2.0, "contradicted"),
        ("greater", 0.0, "contradicted"),  # the same within what matters
        ("less", -2.0, "supported"),
        ("equal", 0.0, "supported"),
        ("equal", 2.0, "contradicted"),
        ("not_less", 0.0, "supported"),
        ("not_less", -2.0, "contradicted"),
        ("not_greater", 2.0, "contradicted"),
    ],
)
def test_small_spread_finds_the_truth(direction: str, truth: float, expected: str) -> None:
    found = verdicts(draws(truth, 0.1, 5), direction, smallest=1.0)
    assert found.count(expected) / REPEATS > 0.99


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=3, max_size=8).filter(lambda x: np.ptp(x) > 1e-3))
def test_p_values_are_those_of_scipy(values: list[float]) -> None:
    seeds, smallest = v.sample(values), 0.5
    tests = {
        "different": ttest_1samp(values, 0).pvalue,
        "same": max(
            ttest_1samp(values, -smallest, alternative="greater").pvalue,
            ttest_1samp(values, smallest, alternative="less").pvalue,
        ),
        "not worse": ttest_1samp(values, -smallest, alternative="greater").pvalue,
    }
    for direction in ("greater", "equal", "not_less"):
        test = v.suggested(seeds.mean, direction, smallest)[1]
        assert v.p_value(seeds, direction, smallest) == pytest.approx(tests[test], abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=3, max_size=6), st.sampled_from(["greater", "not_less"]))
def test_less_is_greater_of_the_opposite(values: list[float], direction: str) -> None:
    mirror = {"greater": "less", "not_less": "not_greater"}[direction]
    seeds, opposite = v.sample(values), v.sample([-x for x in values])
    assert v.p_value(seeds, direction, 0.5) == v.p_value(opposite, mirror, 0.5)
    assert v.suggested(seeds.mean, direction, 0.5) == v.suggested(opposite.mean, mirror, 0.5)


@pytest.mark.parametrize("direction", v.DIRECTIONS)
def test_two_seeds_decide_nothing_and_have_no_interval(direction: str) -> None:
    seeds = v.sample([1.0, 1.0])
    p = v.p_value(seeds, direction, 0.1)
    assert v.interval(seeds) is None and v.verdict(seeds, p, direction, 0.1) == "inconclusive"


def test_seeds_that_agree_exactly_decide() -> None:
    assert verdicts(np.full((1, 3), 0.3), "greater", 0.1) == ["supported"]
    assert verdicts(np.full((1, 3), 0.0), "greater", 0.1) == ["contradicted"]
    assert verdicts(np.full((1, 3), 0.0), "equal", 0.1) == ["supported"]


def test_numbers_that_are_all_the_same_have_no_spread_of_rounding() -> None:
    assert np.std([-0.95] * 20, ddof=1) > 0 and v.sample([-0.95] * 20).sd == 0


def test_nothing_that_matters_has_no_sign() -> None:
    row = {"direction": "less", "smallest": 0.0, "unit": "bits"}
    assert words.hypothesis(row) == "left - right is at most 0 bits"


def test_a_difference_that_is_certain_and_too_small_is_not_what_was_claimed() -> None:
    values = np.array([[0.02, 0.021, 0.022]])
    assert verdicts(values, "greater", 0.05) == ["contradicted"]


def test_holm_by_hand() -> None:
    assert v.holm([0.01, 0.04, 0.03], 3) == pytest.approx([0.03, 0.06, 0.06])
    assert v.holm([0.01, nan], 3)[0] == pytest.approx(0.03)  # what was not tried stands behind
    assert np.isnan(v.holm([0.01, nan], 3)[1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p: list[float]) -> None:
    adjusted = v.holm(p, len(p))
    assert all(a <= min(1, len(p) * b) + 1e-12 and a >= b for a, b in zip(adjusted, p, strict=True))
    order = np.argsort(p, kind="stable")
    assert list(np.array(adjusted)[order]) == sorted(adjusted)


def test_a_family_of_ten_true_nothings_has_one_false_verdict_in_twenty() -> None:
    values = np.random.default_rng(1).normal(0, 1, (REPEATS, 10, 5))
    wrong = 0
    for family in values:
        seeds = [v.sample(row) for row in family]
        p = v.holm([v.p_value(s, "greater", 0.5) for s in seeds], 10)
        found = [v.verdict(s, a, "greater", 0.5) for s, a in zip(seeds, p, strict=True)]
        wrong += any(  # a contradiction is false only where the estimate is far below nothing
            word == "supported" or (word == "contradicted" and s.mean <= -0.5)
            for word, s in zip(found, seeds, strict=True)
        )
    assert wrong / REPEATS < v.LEVEL + 0.01


@pytest.mark.parametrize(
    ("direction", "mean", "smallest"),
    [("greater", 0.8, 0.1), ("equal", 0.1, 1.0), ("not_less", 0.2, 0.5)],
)
def test_the_seeds_that_are_asked_for_decide_four_times_in_five(
    direction: str, mean: float, smallest: float
) -> None:
    needed = v.seeds_needed(v.Sample(3, mean, 0.7), direction, smallest, v.LEVEL)
    assert needed is not None
    decided = np.mean([w == "supported" for w in verdicts(draws(mean, 0.7, needed), direction,
                                                          smallest)])  # fmt: skip
    assert decided > v.POWER - 0.03
    fewer = v.seeds_needed(v.Sample(3, mean, 0.35), direction, smallest, v.LEVEL)
    assert fewer is not None and fewer < needed


def test_an_estimate_at_a_border_needs_more_seeds_than_anyone_has() -> None:
    assert v.seeds_needed(v.Sample(3, 0.999, 0.7), "equal", 1.0, v.LEVEL) is None
