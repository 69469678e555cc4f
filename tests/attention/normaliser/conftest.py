"""What the tests of normalisers share: a triangle of scores, and what every normaliser keeps."""

import pytest
import torch
from torch.autograd import gradcheck

LONG = 16 * 64  # 16 N at size=small


@pytest.fixture
def seen():
    return torch.ones(7, 7).tril() > 0


@pytest.fixture
def scores():
    """Scores of 2 documents and 3 heads, and in the future some that must not matter."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 7, 7, generator=generator, dtype=torch.float64)
    return scores + 50 * torch.ones(7, 7).triu(1)


@pytest.fixture
def keeps_promises(scores, seen):
    """Check the contract of a normaliser, its gradients, and that it is finite at 16 N."""

    def check(normaliser):
        normaliser.double()
        weights = normaliser.weights(scores.clone(), seen)
        assert (weights.masked_select(~seen) == 0).all() and (weights >= 0).all()
        if normaliser.row_stochastic:
            assert (weights.sum(-1) - 1).abs().max() < 1e-12
        order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
        last = normaliser.weights(scores[:, :, -1:, order].clone(), seen[-1:])
        torch.testing.assert_close(last, weights[:, :, -1:, order], rtol=0, atol=1e-12)
        _check_gradient(normaliser, scores.clone(), seen)
        for spread in (1.0, 30.0, 1000.0):
            _check_finite(normaliser.float(), spread)

    return check


@pytest.fixture
def agrees(scores, seen):
    """Check the rows that see every key, and their gradients, against a map of the scores."""

    def check(normaliser, oracle, *others):
        last, size = scores[:, :, -1:].requires_grad_(), torch.linspace(0, 1, 7).double()
        found, expected = normaliser.weights(last.clone(), seen[-1:]), oracle(last)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
        slopes = (torch.autograd.grad((m * size).sum(), (last, *others)) for m in (found, expected))
        for slope, exact in zip(*slopes, strict=True):  # 30 bisections leave 1e-9 of tau
            torch.testing.assert_close(slope, exact, rtol=0, atol=1e-8)

    return check


def _check_gradient(normaliser, scores, seen):
    def weigh(scores, *_):
        return normaliser.weights(scores.clone(), seen)

    assert gradcheck(weigh, (scores.requires_grad_(), *normaliser.parameters()))


def _check_finite(normaliser, spread):
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(1, 3, 3, LONG, generator=generator) * spread
    scores.requires_grad_()
    weights = normaliser.weights(scores.clone(), torch.ones(LONG, LONG).tril()[[0, 7, -1]] > 0)
    (weights * torch.randn(weights.shape, generator=generator)).sum().backward()
    assert weights.isfinite().all() and scores.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in normaliser.parameters())
    if normaliser.row_stochastic:
        assert (weights.sum(-1) - 1).abs().max() < 1e-5
