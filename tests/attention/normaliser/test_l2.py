import torch

from kexue_pipe.attention.normaliser.l2 import L2


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(L2())


def test_two_keys_by_hand():
    weights = L2().weights(torch.tensor([[[[3.0, 4.0]]]]).log(), torch.ones(1, 2) > 0)
    torch.testing.assert_close(weights.flatten(), torch.tensor([0.6, 0.8]))


def test_equals_the_definition_row_by_row_and_does_not_see_a_shift(scores, seen):
    weights = L2().weights(scores.clone(), seen)
    for i in range(7):
        terms = scores[:, :, i, : i + 1].exp()
        expected = terms / (terms**2).sum(-1, keepdim=True).sqrt()
        torch.testing.assert_close(weights[:, :, i, : i + 1], expected, rtol=0, atol=1e-14)
    shifted = L2().weights(scores + 100, seen)
    torch.testing.assert_close(shifted, weights, rtol=0, atol=1e-12)


def test_sums_tell_how_many_keys_there_are(scores, seen):
    """Equal scores sum to sqrt(n): equal tokens are no longer equal at all positions."""
    sums = L2().weights(torch.zeros_like(scores), seen).sum(-1)
    torch.testing.assert_close(sums, torch.arange(1.0, 8).double().sqrt().expand(2, 3, 7))
    assert (L2().weights(scores.clone(), seen).sum(-1) >= 1 - 1e-12).all()
