"""Facts about measured and predicted noise."""

from math import exp

import polars as pl
import pytest

from kexue_pipe.chart import noise_robustness


@pytest.fixture
def knobs(knobs_of):
    return knobs_of("noise_robustness")


def test_heads_and_seeds_are_averaged_as_logarithms(tables, knobs):
    row = noise_robustness.data(tables, **knobs).filter(task="text", suffix="", layer=0)
    # heads hold 1, 2, 4, 8 of 2^-power; the bin [2, 4) comes first
    assert row["predicted"].to_list() == pytest.approx([2.0 ** (1.5 - p) for p in range(1, 10)])
    assert row["mean"].to_list() == pytest.approx(row["predicted"].to_list())


def test_the_interval_is_that_of_the_paired_ratio(tables, knobs):
    # measured is predicted times e^-0.1, 1, e^0.1 in the three seeds
    rows = noise_robustness.data(tables, **knobs)
    half = 4.302652729911275 * 0.1 / 3**0.5
    high = (rows["high"] / rows["predicted"]).to_list()
    assert high == pytest.approx([exp(half)] * len(high)) and set(rows["k"]) == {3}


def test_a_table_without_the_prediction_gives_nothing(tables, knobs):
    attention = tables["attention"].filter(pl.col("metric") != "noise_law")
    assert noise_robustness.data(tables | {"attention": attention}, **knobs).is_empty()
