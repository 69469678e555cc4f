import math

import pytest
import torch

from kexue_pipe.metric.gini import gini


def test_endpoints(measure, uniform, one_hot):
    assert measure(gini, uniform).item() == pytest.approx(0, abs=1e-12)
    assert measure(gini, one_hot).item() == pytest.approx(1 - 1 / 13, abs=1e-12)


def test_equals_the_pairwise_form(measure, random_rows):
    gaps = (random_rows[:, :, None] - random_rows[:, None, :]).abs()
    expected = gaps.sum((1, 2)) / (2 * 11)
    torch.testing.assert_close(measure(gini, random_rows), expected, rtol=0, atol=1e-12)


def test_equals_the_form_of_hurley_and_rickard(measure, random_rows):
    p = random_rows.sort(-1).values
    k = torch.arange(1, 12, dtype=torch.float64)
    expected = 1 - 2 * (p * (11 - k + 0.5)).sum(-1) / 11
    torch.testing.assert_close(measure(gini, random_rows), expected, rtol=0, atol=1e-12)


def test_masked_keys_take_no_rank(measure, random_rows):
    mask = torch.ones(7, 11, dtype=torch.bool)
    mask[:, 2:8:2] = False
    visible = random_rows[mask].reshape(7, 8)
    masked = measure(gini, random_rows * mask, mask)
    torch.testing.assert_close(masked, measure(gini, visible), rtol=0, atol=1e-12)


def test_unit_normal_scores(measure, lognormal):
    assert measure(gini, lognormal).item() == pytest.approx(math.erf(0.5), rel=0.02)
