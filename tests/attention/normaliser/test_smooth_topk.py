import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import laplace
from torch.autograd.functional import jacobian

from kexue_pipe.attention.normaliser.smooth_topk import SmoothTopK

SHAPES = {
    "exp": lambda x: np.minimum(1, np.exp(np.minimum(x, 0))),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "laplace": laplace.cdf,
}
SLOPES = {
    "exp": lambda p: p * (p < 1 - 1e-9),
    "sigmoid": lambda p: p * (1 - p),
    "laplace": lambda p: torch.minimum(p, 1 - p),
}


def _weights(scores, k, shape):
    row = scores.view(1, 1, 1, -1).clone()
    return SmoothTopK(k=k, shape=shape).weights(row, torch.ones(1, row.shape[-1]) > 0).flatten()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [1, 3])
def test_keeps_what_every_normaliser_does(keeps_promises, k, shape):
    keeps_promises(SmoothTopK(k=k, shape=shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [1, 4, 6])
def test_equals_the_definition(scores, shape, k):
    for row in (scores[0, 0, 6], 5 * scores[1, 2, 6]):
        x, f = row.numpy(), SHAPES[shape]
        threshold = brentq(lambda t, x=x, f=f: f(x - t).sum() - k, -100, 100, xtol=1e-14)
        expected = torch.from_numpy(f(x - threshold)) / k
        torch.testing.assert_close(_weights(row, k, shape), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_in_closed_form(scores, shape):
    """(diag(u) - u u^T / sum u) / k, with u the slope of f."""
    row = scores[0, 0, 6]
    slope = jacobian(lambda s: _weights(s, 3, shape), row)
    u = SLOPES[shape]((3 * _weights(row, 3, shape)).clamp(max=1))
    expected = (u.diag() - u[:, None] * u / u.sum()) / 3
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-11)


def test_one_key_by_the_exponential_is_the_softmax(scores):
    weights = _weights(scores[0, 0, 6], 1, "exp")
    torch.testing.assert_close(weights, scores[0, 0, 6].softmax(-1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_key_by_laplace_is_the_softmax_only_where_none_has_half(shape):
    flat, peaked = torch.tensor([0.0, 0.3, 0.5]).double(), torch.tensor([0.0, 0.0, 2.0]).double()
    gaps = [(_weights(x, 1, shape) - x.softmax(-1)).abs().max() for x in (flat, peaked)]
    assert (gaps[0] < 1e-12) == (shape != "sigmoid") and (gaps[1] < 1e-12) == (shape == "exp")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", range(1, 7))
def test_cold_scores_share_equally_among_the_k_largest(scores, shape, k):
    row = scores[1, 0, 6]
    weights = _weights(row * 1e4, k, shape)
    expected = torch.zeros(7).double().scatter(0, row.topk(k).indices, 1 / k)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_short_rows_share_equally_and_no_key_gets_more_than_its_part(scores, seen, shape):
    weights = SmoothTopK(k=3, shape=shape).weights(scores.clone(), seen)
    torch.testing.assert_close(weights[:, :, 1, :2], torch.full((2, 3, 2), 0.5).double())
    torch.testing.assert_close(weights[:, :, 2, :3], torch.full((2, 3, 3), 1 / 3).double())
    assert weights[:, :, 3:].max() < 1 / 3 + 1e-12
