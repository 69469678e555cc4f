"""Facts about the variance law."""

import pytest

from kexue_pipe.chart import variance_law


def test_the_law_goes_through_the_first_point_without_positions(tables, knobs_of):
    frame = variance_law.data(tables, **knobs_of("variance_law"))
    own = frame.filter(label="position=none").sort("row_length")
    # bins [2, 4) and [512, 1024) hold powers 1/2 and 1/512
    assert own["mean"][0] == own["law"][0] == 0.5
    assert own["mean"][-1] == pytest.approx(1 / 512)
    assert own["law"][-1] == pytest.approx(0.5 * (2 * 3 / (512 * 1023)) ** 0.5)


def test_the_model_with_positions_stands_beside_it(tables, knobs_of):
    frame = variance_law.data(tables, **knobs_of("variance_law"))
    assert set(frame["label"]) == {"position=none", "rope · softmax"}
    assert set(frame.filter(label="rope · softmax")["mean"]) == {0.25}
    assert set(frame["layer"]) == {0} and set(frame["k"]) == {3}
