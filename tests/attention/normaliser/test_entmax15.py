import entmax
import pytest
import torch
from scipy.optimize import brentq
from torch.autograd.functional import jacobian

from kexue_pipe.attention.normaliser.entmax15 import Entmax15

ONE = torch.ones(1, 1) > 0


def _weights(scores, seen=ONE):
    return Entmax15().weights(scores.clone(), seen.expand(-1, scores.shape[-1]))


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(Entmax15())


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_equals_the_definition_row_by_row(scores, seen, spread):
    weights = Entmax15().weights(scores * spread, seen)
    for i in range(7):
        for b, h in [(0, 0), (1, 2)]:
            z = (scores[b, h, i, : i + 1] * spread / 2).numpy()
            tau = brentq(lambda t, z=z: ((z - t).clip(0) ** 2).sum() - 1, z.max() - 1.1, z.max())
            expected = torch.from_numpy((z - tau).clip(0) ** 2)
            torch.testing.assert_close(weights[b, h, i, : i + 1], expected, rtol=0, atol=1e-11)


def test_equals_its_authors_code(agrees):
    agrees(Entmax15(), entmax.entmax15)


@pytest.mark.parametrize("gap", [-3.0, -1.5, 0.0, 0.7, 2.0, 5.0])
def test_two_keys_in_closed_form(gap):
    scores = torch.tensor([[[[gap, 0.0]]]], dtype=torch.float64)
    expected = float(gap > 0) if abs(gap) > 2 else ((gap + (8 - gap**2) ** 0.5) / 4) ** 2
    assert abs(_weights(scores)[..., 0].item() - expected) < 1e-15


def test_gradient_in_closed_form():
    """diag(u) - u u^T / sum u, with u the root of p."""
    scores = torch.randn(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    slope = jacobian(lambda s: _weights(s.view(1, 1, 1, 9)).flatten(), scores)
    u = _weights(scores.view(1, 1, 1, 9)).flatten().sqrt()
    assert 1 < (u > 0).sum() < 9
    expected = u.diag() - u[:, None] * u / u.sum()
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-12)


def test_equal_scores_share_equally_and_a_shift_does_nothing(scores, seen):
    flat = torch.full((1, 1, 1, 64), 3.0, dtype=torch.float64)
    torch.testing.assert_close(_weights(flat), torch.full_like(flat, 1 / 64))
    shifted = Entmax15().weights(scores + 100, seen)
    weights = Entmax15().weights(scores.clone(), seen)
    torch.testing.assert_close(shifted, weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("length, support, entropy", [(64, 10.1, 1.53), (1024, 18.8, 2.03)])
def test_support_and_entropy_of_gaussian_scores(length, support, entropy):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1, 1, 400, length, generator=generator, dtype=torch.float64)
    weights = Entmax15().weights(scores, torch.ones(400, length) > 0)
    assert abs((weights > 0).sum(-1).double().mean().item() - support) < 1
    assert abs(torch.special.entr(weights).sum(-1).mean().item() - entropy) < 0.1
