import pytest
import torch

from kexue_pipe.attention.normaliser.topk import TopK


@pytest.mark.parametrize("k", [1, 3, 20])
def test_keeps_what_every_normaliser_does(keeps_promises, k):
    keeps_promises(TopK(k=k))


def test_three_keys_by_hand():
    scores = torch.tensor([[[[1.0, 3.0, 0.5]]]]).log()
    weights = TopK(k=2).weights(scores, torch.ones(1, 3) > 0)
    torch.testing.assert_close(weights.flatten(), torch.tensor([0.25, 0.75, 0.0]))


def test_equals_the_definition_row_by_row(scores, seen):
    weights = TopK(k=3).weights(scores.clone(), seen)
    for i in range(7):
        visible = scores[:, :, i, : i + 1]
        kept = (visible[..., :, None] < visible[..., None, :]).sum(-1) < 3  # few are larger
        expected = visible.exp() * kept / (visible.exp() * kept).sum(-1, keepdim=True)
        torch.testing.assert_close(weights[:, :, i, : i + 1], expected, rtol=0, atol=1e-12)
        assert (kept.sum(-1) == min(3, i + 1)).all()


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers():
    from x_transformers.attend import Attend

    q, k, v = torch.randn(3, 2, 3, 7, 5, generator=torch.Generator().manual_seed(1))
    oracle, _ = Attend(heads=3, sparse_topk=3, scale=1.0)(q, k, v)
    mixed = TopK(k=3).weights(q @ k.mT, torch.ones(7, 7) > 0) @ v
    torch.testing.assert_close(mixed, oracle, rtol=0, atol=2e-6)  # its softmax is in float32


@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_ties_up_to_rounding_stay(noise):
    scores = torch.tensor([2.0, 1.0, 1.0, 1.0, 0.0])
    scores = scores + noise * torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0])
    weights = TopK(k=2).weights(scores.view(1, 1, 1, 5), torch.ones(1, 5) > 0)
    assert (weights > 0).flatten().tolist() == [True, True, True, True, False]


def test_as_many_as_there_are_keys_is_the_softmax(scores, seen):
    weights = TopK(k=7).weights(scores.clone(), seen)
    assert torch.equal(weights, scores.masked_fill(~seen, -torch.inf).softmax(-1))
