"""Facts about the curve by position."""

import pytest

from kexue_pipe.chart import extrapolation_curve


def test_positions_are_counted_from_one_and_lie_in_the_middle_of_their_bin(tables, knobs_of):
    frame = extrapolation_curve.data(tables, **knobs_of("extrapolation_curve"))
    line = frame.filter(task="text", suffix="").sort("position")
    # bins [0, 1), [1, 2), [2, 4) hold positions 1; 2; 3 and 4
    assert line["position"].head(3).to_list() == [1.0, 2.0, 3.5]


def test_loss_is_in_bits_and_rises_beyond_the_training_length(tables, knobs_of):
    frame = extrapolation_curve.data(tables, **knobs_of("extrapolation_curve"))
    line = frame.filter(task="text", suffix="").sort("position")
    assert line["mean"][0] == pytest.approx(2.4) and line["mean"][-1] == pytest.approx(6.1)
    assert set(line["train_length"]) == {64}
