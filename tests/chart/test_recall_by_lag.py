"""Facts about recall by lag."""

import polars as pl
import pytest

from kexue_pipe.chart import recall_by_lag


@pytest.fixture
def frame(tables, knobs_of):
    return recall_by_lag.data(tables, **knobs_of("recall_by_lag"))


def test_cells_are_means_over_seeds(frame):
    # seed 1 of rope keeps 0.99 at 128 tokens, the others have 0.5
    cell = frame.filter(name="rope · softmax", length=128, bin_lo=64).row(0, named=True)
    assert cell["mean"] == pytest.approx((0.5 + 0.99 + 0.5) / 3) and cell["k"] == 3
    assert cell["worst"] == 0.5


def test_only_lags_beyond_the_training_length_are_extrapolation(frame):
    assert frame.filter("beyond")["bin_lo"].min() == 64
    assert frame.filter(~pl.col("beyond"))["bin_lo"].max() == 32
    assert set(frame.filter("edge")["bin_lo"]) == {64}


def test_no_answer_stands_before_its_context(frame):
    assert frame.filter(pl.col("bin_lo") >= pl.col("length")).is_empty()


def test_the_default_is_kept_beside_the_best(tables, knobs_of):
    knobs = knobs_of("recall_by_lag") | {"keep": 1}
    names = recall_by_lag.data(tables, **knobs)["name"].unique().sort().to_list()
    assert names == ["rope · softmax", "rope · softmax + rerope"]
