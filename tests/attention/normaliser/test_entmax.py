from math import log

import pytest
import torch
from entmax import entmax_bisect
from scipy.optimize import brentq

from kexue_pipe.attention.normaliser.entmax import Entmax
from kexue_pipe.attention.normaliser.entmax15 import Entmax15
from kexue_pipe.attention.normaliser.sparsemax import Sparsemax


def _entmax(*alphas):
    entmax = Entmax(num_heads=len(alphas)).double()
    with torch.no_grad():
        entmax.logit.copy_(
            torch.tensor([log((a - 1) / (2 - a)) for a in alphas], dtype=torch.float64)
        )
    return entmax


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(_entmax(1.2, 1.5, 1.8))


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_equals_the_definition_row_by_row(scores, seen, spread):
    alphas = (1.1, 1.5, 1.9)
    weights = _entmax(*alphas).weights(scores * spread, seen)
    for i in range(7):
        for h, alpha in enumerate(alphas):
            z = (alpha - 1) * spread * scores[1, h, i, : i + 1].numpy()
            power = 1 / (alpha - 1)

            def excess(t, z=z, power=power):
                return ((z - t).clip(0) ** power).sum() - 1

            tau = brentq(excess, z.max() - 1.1, z.max(), xtol=1e-15)
            expected = torch.from_numpy((z - tau).clip(0) ** power)
            torch.testing.assert_close(weights[1, h, i, : i + 1], expected, rtol=0, atol=1e-11)


def test_equals_its_authors_code(agrees):
    entmax = _entmax(1.2, 1.5, 1.8)

    def theirs(scores):
        return entmax_bisect(scores, 1 + entmax.logit.sigmoid()[:, None, None].expand(2, -1, 1, 1))

    agrees(entmax, theirs, entmax.logit)


def test_equals_the_closed_form_at_one_and_a_half(scores, seen):
    weights = _entmax(1.5, 1.5, 1.5).weights(scores.clone(), seen)
    expected = Entmax15().weights(scores.clone(), seen)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha, tolerance", [(1.0001, 1e-3), (1.9999, 1e-3)])
def test_goes_from_softmax_to_sparsemax(scores, seen, alpha, tolerance):
    weights = _entmax(alpha, alpha, alpha).weights(scores.clone(), seen)
    softmax = scores.masked_fill(~seen, -torch.inf).softmax(-1)
    expected = softmax if alpha < 1.5 else Sparsemax().weights(scores.clone(), seen)
    torch.testing.assert_close(weights, expected, rtol=0, atol=tolerance)


def test_starts_half_way_and_learns_each_head_by_itself(scores, seen):
    entmax = _entmax(1.2, 1.5, 1.8)
    with torch.no_grad():
        entmax.initialise(torch.Generator())
    weights = entmax.weights(scores.clone(), seen)
    expected = Entmax15().weights(scores.clone(), seen)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-12)
    weights[:, 1].square().sum().backward()
    assert entmax.logit.grad[1] != 0 and (entmax.logit.grad[[0, 2]] == 0).all()
