import pytest
import torch

from kexue_pipe.attention.normaliser.softmax1 import Softmax1


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(Softmax1())


def test_two_keys_by_hand():
    weights = Softmax1().weights(torch.tensor([[[[1.0, 3.0]]]]).log(), torch.ones(1, 2) > 0)
    torch.testing.assert_close(weights.flatten(), torch.tensor([0.2, 0.6]))


def test_equals_softmax_with_one_more_key_of_zeros(scores, seen):
    weights = Softmax1().weights(scores.clone(), seen)
    more = torch.cat((torch.zeros(2, 3, 7, 1), scores.masked_fill(~seen, -torch.inf)), dim=-1)
    torch.testing.assert_close(weights, more.softmax(-1)[..., 1:], rtol=0, atol=1e-15)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers():
    from x_transformers.attend import Attend

    q, k, v = torch.randn(3, 2, 3, 7, 5, generator=torch.Generator().manual_seed(1))
    oracle, _ = Attend(heads=3, causal=False, add_zero_kv=True, scale=1.0)(q, k, v)
    mixed = Softmax1().weights(q @ k.mT, torch.ones(7, 7) > 0) @ v
    torch.testing.assert_close(mixed, oracle, rtol=0, atol=2e-6)  # its softmax is in float32


def test_where_no_key_fits_a_row_gives_nothing():
    weights = Softmax1().weights(torch.full((1, 1, 1, 9), -100.0), torch.ones(1, 9) > 0)
    assert weights.sum() < 1e-40 and not Softmax1.row_stochastic
