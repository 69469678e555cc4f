import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from kexue_pipe.attention.normaliser.softmax import Softmax

SEEN = torch.ones(7, 7).tril() > 0


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 7, 7, generator=generator, dtype=torch.float64)


def test_two_keys_by_hand():
    weights = Softmax().weights(torch.tensor([[[[1.0, 3.0]]]]).log(), torch.ones(1, 2) > 0)
    torch.testing.assert_close(weights.flatten(), torch.tensor([0.25, 0.75]))


def test_rows_sum_to_one_and_do_not_see_a_shift(scores):
    weights = Softmax().weights(scores, SEEN)
    assert (weights.sum(-1) - 1).abs().max() < 1e-12
    assert (weights.triu(1) == 0).all() and (weights >= 0).all()
    torch.testing.assert_close(weights, Softmax().weights(scores + 100, SEEN))


def test_cold_scores_pick_the_largest(scores):
    weights = Softmax().weights(scores * 1e4, SEEN)
    largest = scores.masked_fill(~SEEN, -torch.inf).argmax(-1)
    torch.testing.assert_close(weights.argmax(-1), largest)
    assert weights.amax(-1).min() > 1 - 1e-9


@pytest.mark.parametrize("biased", [False, True])
def test_fused_kernel_equals_the_weights(scores, biased):
    q, k, v = torch.randn(3, 2, 3, 7, 5, generator=torch.Generator().manual_seed(1)).double()
    bias = scores[:1] if biased else None
    expected = Softmax().weights(q @ k.mT + (0 if bias is None else bias), SEEN) @ v
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # a silent fall back is an error
        for visible in (SEEN, None):
            mixed = Softmax().mix(q, k, v, bias, visible)
            torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)
