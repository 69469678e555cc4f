import pytest

from kexue_pipe.metric.pmax import pmax


def test_endpoints(measure, uniform, one_hot):
    assert measure(pmax, uniform).item() == pytest.approx(1 / 13, abs=1e-15)
    assert measure(pmax, one_hot).item() == 1.0


def test_signed_and_unnormalised_rows_are_normalised_first(measure):
    assert measure(pmax, [[1.0, -3.0, 2.0]]).item() == 0.5
