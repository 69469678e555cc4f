"""Facts about entropy by row length."""

from math import log

import pytest

from kexue_pipe.chart import entropy_by_length


def test_heads_are_averaged_within_a_seed(tables, knobs_of):
    frame = entropy_by_length.data(tables, **knobs_of("entropy_by_length"))
    row = frame.filter(task="text", suffix="", layer=0).sort("row_length").row(0, named=True)
    # heads hold 0.2, 0.4, 0.6, 0.8 of 1.5 log 2, in another order in each seed
    assert row["mean"] == pytest.approx(0.5 * 1.5 * log(2))
    assert row["low"] == pytest.approx(row["high"]) and row["k"] == 3


def test_the_bound_is_the_log_of_the_row_length(tables, knobs_of):
    frame = entropy_by_length.data(tables, **knobs_of("entropy_by_length"))
    first = frame.sort("row_length").row(0, named=True)
    assert first["row_length"] == pytest.approx((2 * 3) ** 0.5)  # rows of 2 and 3 keys
    assert first["bound"] == pytest.approx(0.5 * log(6))
