from math import exp, log, sqrt

import pytest
import torch

from kexue_pipe.attention.scale.const import Const
from kexue_pipe.attention.scale.rsqrt import RSqrt


def test_is_a_multiple_of_the_usual_scale_whatever_is_seen():
    q = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    count = torch.arange(1, 6)
    scaled, k = Const(factor=2.5)(q, q, count)
    torch.testing.assert_close(scaled, 2.5 * RSqrt()(q, q, count)[0])
    assert k is q


@pytest.mark.parametrize("length, best", [(512, 2.01), (4096, 2.41), (32768, 2.76)])
def test_the_estimated_gradient_is_largest_near_two(length, best):
    """c (1 - sum p^2) with sum p^2 = exp(c^2) / n, as while N(0, 1) scores are not frozen."""
    factors = torch.arange(1, 4, 1e-3, dtype=torch.float64)
    found = factors[(factors * (1 - factors.square().exp() / length)).argmax()].item()
    assert abs(found - best) < 0.006 and abs(0.84 * sqrt(log(length)) - best) < 0.1


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.3])
def test_squares_of_a_row_are_as_estimated(factor):
    scores = torch.randn(400, 4096, generator=torch.Generator().manual_seed(0)).double()
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    scaled = scores * Const(factor=factor)(one, one, one)[0].item()
    squares = scaled.softmax(-1).square().sum(-1).mean().item()
    assert abs(squares * 4096 / exp(factor**2) - 1) < 0.1
