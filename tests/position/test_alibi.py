import pytest
import torch

from kexue_pipe.position.alibi import Alibi


def _bias(num_heads, pos_q, pos_k, max_exponent=8.0):
    q = torch.zeros(2, num_heads, len(pos_q), 1, dtype=torch.float64)
    return Alibi(num_heads=num_heads, max_exponent=max_exponent).bias(q, pos_q, pos_k)


def test_slopes_of_four_heads():
    slopes = Alibi(num_heads=4, max_exponent=8.0).slopes
    assert slopes.tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256]


def test_slopes_of_six_heads_come_from_four_and_eight():
    slopes = Alibi(num_heads=6, max_exponent=8.0).slopes
    assert slopes.tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8]


def test_a_smaller_exponent_gives_steeper_slopes():
    assert Alibi(num_heads=2, max_exponent=2.0).slopes.tolist() == [1 / 2, 1 / 4]


def test_bias_by_hand():
    bias = _bias(2, torch.tensor([2.0, 3.0]), torch.tensor([0.0, 3.0]))
    assert bias.shape == (1, 2, 2, 2)  # four dimensions: with three the fused kernel is not used
    assert bias[0, 0].tolist() == [[-2 / 16, 1 / 16], [-3 / 16, 0]]


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 12])
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers_on_the_past(num_heads):
    from x_transformers.x_transformers import AlibiPositionalBias

    pos = torch.arange(13, dtype=torch.float64)
    ours, theirs = _bias(num_heads, pos, pos)[0], AlibiPositionalBias(num_heads)(13, 13)
    torch.testing.assert_close(ours.tril(), theirs.double().tril(), rtol=1e-6, atol=0)


def test_a_softmax_cannot_tell_it_from_a_bias_on_keys_alone():
    pos, seen = torch.arange(13, dtype=torch.float64), torch.ones(13, 13).tril() > 0
    scores = torch.randn(2, 4, 13, 13, generator=torch.Generator().manual_seed(0)).double()
    slopes = torch.tensor([1 / 4, 1 / 16, 1 / 64, 1 / 256])[:, None, None].double()
    rows = (scores + _bias(4, pos, pos)).masked_fill(~seen, -torch.inf).softmax(-1)
    keys = (scores + slopes * pos).masked_fill(~seen, -torch.inf).softmax(-1)
    torch.testing.assert_close(rows, keys, rtol=0, atol=1e-12)


def test_bias_depends_only_on_distance():
    pos = torch.arange(13, dtype=torch.float64)
    torch.testing.assert_close(_bias(4, pos, pos), _bias(4, pos + 1000, pos + 1000))
