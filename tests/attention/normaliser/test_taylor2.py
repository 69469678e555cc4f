from math import exp

import torch

from kexue_pipe.attention.normaliser.taylor2 import Taylor2


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(Taylor2())


def test_equals_the_definition_row_by_row(scores, seen):
    weights = Taylor2().weights(scores.clone(), seen)
    for i in range(7):
        visible = scores[:, :, i, : i + 1]
        terms = 1 + visible + visible**2 / 2
        expected = terms / terms.sum(-1, keepdim=True)
        torch.testing.assert_close(weights[:, :, i, : i + 1], expected, rtol=0, atol=1e-14)


def test_small_scores_are_a_softmax_up_to_third_order():
    scores = torch.tensor([[[[0.01, -0.02, 0.03]]]], dtype=torch.float64)
    weights = Taylor2().weights(scores.clone(), torch.ones(1, 3) > 0)
    assert (weights - scores.softmax(-1)).abs().max() < 0.03**3 * exp(0.03) / 6


def test_a_shift_changes_rows_and_large_negative_scores_count():
    scores, shown = torch.tensor([[[[0.0, -10.0]]]]), torch.ones(1, 2) > 0
    assert Taylor2().weights(scores, shown)[..., 1] > 0.9
    assert Taylor2().weights(scores + 10, shown)[..., 1] < 0.1


def test_is_a_product_of_features():
    """Order 2 is a map to 1 + D + D^2 features."""
    q, k = torch.randn(2, 1, 1, 5, 4, generator=torch.Generator().manual_seed(0)).double()

    def features(x):
        squares = (x[..., :, None] * x[..., None, :]).flatten(-2) / 2**0.5
        return torch.cat((torch.ones(*x.shape[:-1], 1), x, squares), dim=-1)

    products = features(q) @ features(k).mT
    expected = products / products.sum(-1, keepdim=True)
    weights = Taylor2().weights(q @ k.mT, torch.ones(5, 5) > 0)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-14)
