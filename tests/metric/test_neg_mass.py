import pytest

from kexue_pipe.metric.neg_mass import neg_mass


def test_rows_of_one_sign(measure, random_rows):
    assert measure(neg_mass, random_rows).abs().max() == 0.0
    assert measure(neg_mass, -random_rows).sub(1).abs().max() < 1e-12


def test_signed_row_by_hand(measure):
    assert measure(neg_mass, [[0.5, -0.2, 0.1]]).item() == pytest.approx(0.25)
