"""Facts about concentration by row length."""

from math import log

import pytest

from kexue_pipe.chart import concentration_by_length


def test_conc_is_the_gap_to_the_bound(tables, knobs_of):
    frame = concentration_by_length.data(tables, **knobs_of("concentration_by_length"))
    row = frame.filter(task="text", suffix="", metric="conc").sort("row_length").row(0, named=True)
    assert row["mean"] == pytest.approx(0.5 * 1.5 * log(2))
    assert (row["unit"], row["sparser"]) == ("nats", "larger")


def test_metrics_come_in_the_order_of_the_yaml(tables, knobs_of):
    frame = concentration_by_length.data(tables, **knobs_of("concentration_by_length"))
    assert frame["metric"].unique(maintain_order=True).to_list() == ["conc", "s12", "dist_mean"]
