import math

import pytest
import scipy.stats
import torch

from kexue_pipe.metric.entropy import entropy


def test_endpoints(measure, uniform, one_hot):
    assert measure(entropy, uniform).item() == pytest.approx(math.log(13), abs=1e-12)
    assert measure(entropy, one_hot).item() == 0.0


def test_geometric_row_has_the_closed_form(measure, geometric):
    # H = -log(1 - lam) - lam / (1 - lam) log lam at lam = 0.9
    assert measure(entropy, geometric).item() == pytest.approx(3.2508297, abs=1e-7)


def test_equals_scipy(measure, random_rows):
    expected = torch.from_numpy(scipy.stats.entropy(random_rows, axis=-1))
    torch.testing.assert_close(measure(entropy, random_rows), expected, rtol=0, atol=1e-12)


def test_causal_uniform_rows_average_to_log_factorial(measure):
    mask = torch.ones(17, 17, dtype=torch.bool).tril()
    values = measure(entropy, mask.double(), mask)
    assert values.nansum().item() / 17 == pytest.approx(math.lgamma(18) / 17, abs=1e-12)


def test_masked_keys_are_not_zeros_and_single_keys_are_undefined(measure):
    mask = torch.tensor([[True, False, True], [True, False, False]])
    values = measure(entropy, torch.ones(2, 3), mask)
    assert values[0].item() == pytest.approx(math.log(2))
    assert values[1].isnan()
