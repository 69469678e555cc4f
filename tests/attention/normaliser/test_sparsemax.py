import entmax
import pytest
import torch
from scipy.optimize import brentq
from torch.autograd.functional import jacobian

from kexue_pipe.attention.normaliser.sparsemax import Sparsemax

ONE = torch.ones(1, 1) > 0


def _weights(scores, seen=ONE):
    return Sparsemax().weights(scores.clone(), seen.expand(-1, scores.shape[-1]))


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(Sparsemax())


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_equals_the_definition_row_by_row(scores, seen, spread):
    weights = Sparsemax().weights(scores * spread, seen)
    for i in range(7):
        for b, h in [(0, 0), (1, 2)]:
            row = (scores[b, h, i, : i + 1] * spread).numpy()
            tau = brentq(lambda t, row=row: (row - t).clip(0).sum() - 1, row.max() - 1.1, row.max())
            expected = torch.from_numpy((row - tau).clip(0))
            torch.testing.assert_close(weights[b, h, i, : i + 1], expected, rtol=0, atol=1e-11)


def test_equals_its_authors_code(agrees):
    agrees(Sparsemax(), entmax.sparsemax)


@pytest.mark.parametrize("gap", [-3.0, -0.4, 0.0, 0.7, 1.0, 5.0])
def test_two_keys_in_closed_form(gap):
    scores = torch.tensor([[[[gap, 0.0]]]], dtype=torch.float64)
    assert abs(_weights(scores)[..., 0].item() - min(max((1 + gap) / 2, 0), 1)) < 1e-15


def test_gradient_is_a_projection_on_the_support():
    scores = torch.randn(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slope = jacobian(lambda s: _weights(s.view(1, 1, 1, 9)).flatten(), scores)
    kept = (_weights(scores.view(1, 1, 1, 9)).flatten() > 0).double()
    assert 1 < kept.sum() < 9
    expected = kept.diag() - kept[:, None] * kept / kept.sum()
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-12)


def test_equal_scores_share_equally_and_a_shift_does_nothing(scores, seen):
    flat = torch.full((1, 1, 1, 64), 3.0, dtype=torch.float64)
    torch.testing.assert_close(_weights(flat), torch.full_like(flat, 1 / 64))
    shifted = Sparsemax().weights(scores + 100, seen)
    weights = Sparsemax().weights(scores.clone(), seen)
    torch.testing.assert_close(shifted, weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("length, support", [(64, 3.1), (1024, 4.2)])
def test_support_of_gaussian_scores_hardly_grows(length, support):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1, 1, 400, length, generator=generator, dtype=torch.float64)
    weights = Sparsemax().weights(scores, torch.ones(400, length) > 0)
    assert abs((weights > 0).sum(-1).double().mean().item() - support) < 0.3
