"""Smoothed frequencies: the method of Witten and Bell by hand, and its limits."""

import numpy as np
import pytest

from kexue_pipe.core.frequencies import score, smoothed

Q = np.array([0.1, 0.2, 0.3, 0.4])


def test_what_was_not_seen_gets_one_count_for_each_different_symbol() -> None:
    p = smoothed(np.array([2, 2, 0]), Q)  # n = 3, t = 2
    assert p == pytest.approx((np.array([1, 0, 2, 0]) + 2 * Q) / 5)
    assert p.sum() == pytest.approx(1) and p.min() > 0


def test_without_symbols_nothing_but_the_assumption_is_left() -> None:
    assert smoothed(np.array([], int), Q) is Q


def test_many_symbols_outweigh_the_assumption() -> None:
    seen = np.random.default_rng(0).choice(4, 100_000, p=Q[::-1])
    assert smoothed(seen, Q) == pytest.approx(Q[::-1], abs=5e-3)


def test_each_context_is_scored_with_its_own_table() -> None:
    tables = {0: Q, 7: Q[::-1]}
    contexts, answers = np.array([[0, 7, 7]]), np.array([[3, 0, 1]])
    nats, accuracy = score(tables, contexts, answers)
    assert nats == pytest.approx(-np.log([0.4, 0.4, 0.3]).mean()) and accuracy == 2 / 3
