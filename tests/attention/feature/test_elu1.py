from math import exp

import torch

from kexue_pipe.attention.feature.elu1 import Elu1


def phi(x):
    q, k = Elu1()(x, x)
    assert torch.equal(q, k)
    return q


def test_values_by_hand():
    x = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    expected = torch.tensor([exp(-2.0), 1.0, 4.0], dtype=torch.float64)
    torch.testing.assert_close(phi(x), expected)


def test_slope_is_one_at_zero_from_both_sides():
    x = torch.tensor([-1e-6, 1e-6], dtype=torch.float64, requires_grad=True)
    phi(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-5)


def test_never_negative():
    x = torch.linspace(-200, 200, 10_001)
    assert (phi(x) >= 0).all() and (phi(x[x > -15]) > 0).all()
