import pytest
import torch

from kexue_pipe.metric.frac_below import frac_below


def test_endpoints(measure, uniform, one_hot):
    assert measure(frac_below, uniform, c=0.1).item() == 0.0
    assert measure(frac_below, one_hot, c=0.1).item() == pytest.approx(12 / 13, abs=1e-12)


def test_masked_keys_are_in_neither_count(measure):
    mask = torch.tensor([[True, True, True, False, False]])
    value = measure(frac_below, [[0.98, 0.01, 0.01, 0.0, 0.0]], mask, c=0.1)
    assert value.item() == pytest.approx(2 / 3)


def test_rows_without_two_keys_are_undefined(measure):
    mask = torch.tensor([[True, False], [True, True]])
    values = measure(frac_below, [[1.0, 0.0], [0.5, 0.5]], mask, c=0.1)
    assert values[0].isnan() and values[1] == 0.0


def test_unit_normal_scores(measure, lognormal):
    # Phi(log 0.1 + 1/2) = 0.0357
    assert measure(frac_below, lognormal, c=0.1).item() == pytest.approx(0.0357, rel=0.03)
