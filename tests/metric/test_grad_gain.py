import pytest
import torch

from kexue_pipe.metric.grad_gain import grad_gain


def test_endpoints(measure, uniform, one_hot):
    assert measure(grad_gain, uniform).item() == pytest.approx(12 / 13, abs=1e-12)
    assert measure(grad_gain, one_hot).item() == 0.0


def test_is_half_the_size_of_the_jacobian_of_softmax(measure):
    scores = torch.randn(9, generator=torch.manual_seed(2), dtype=torch.float64)
    jacobian = torch.func.jacrev(lambda s: s.softmax(-1))(scores)
    expected = jacobian.abs().sum() / 2
    assert measure(grad_gain, scores.softmax(-1)).item() == pytest.approx(expected.item())
