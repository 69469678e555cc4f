import pytest
import torch

from kexue_pipe.position.sandwich import Sandwich

EXACT = {"rtol": 0, "atol": 1e-12}


def _bias(position, pos_q, pos_k, num_heads=4):
    q = torch.zeros(2, num_heads, len(pos_q), 5, dtype=torch.float64)
    return position.bias(q, pos_q, pos_k)


def _sandwich(num_heads=4, d_bar=14, base=100.0):
    return Sandwich(num_heads=num_heads, d_bar=d_bar, base=base, heads_compression=8.0)


def _theta(d_bar, base):
    return base ** (-2 * torch.arange(1, d_bar // 2 + 1, dtype=torch.float64) / d_bar)


def test_equals_the_sum_of_cosines():
    pos = torch.randn(11, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 50
    sums = ((pos[3:5, None] - pos)[..., None] * _theta(14, 100.0)).cos().sum(-1) - 7
    strength = torch.tensor([1 / 2, 1 / 4, 1 / 6, 1 / 8], dtype=torch.float64)  # H / (8 h)
    expected = strength[:, None, None] * sums
    torch.testing.assert_close(_bias(_sandwich(), pos[3:5], pos)[0], expected, **EXACT)


def test_is_zero_at_distance_zero_and_negative_elsewhere():
    bias = _bias(_sandwich(), torch.tensor([9.0]), torch.arange(10.0))
    assert bias.shape == (1, 4, 1, 10)  # four dimensions: with three the fused kernel is not used
    assert bias[..., 9].abs().max() < 1e-12 and (bias[..., :9] < 0).all()


def test_equals_a_rotation_of_fixed_vectors():
    """RoPE with a constant query and key: sqrt(c) on one channel of each pair."""
    pos, theta = torch.arange(11, dtype=torch.float64), _theta(14, 100.0)
    turned = torch.polar(torch.full((11, 7), 0.5**0.5, dtype=torch.float64), pos[:, None] * theta)
    scores = (turned @ turned.mH).real  # head 1 of 4: c = 1/2
    bias = _bias(_sandwich(), pos, pos)[0, 0]
    torch.testing.assert_close(bias, scores - 7 / 2, **EXACT)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_the_gram_matrix_of_x_transformers_sinusoids():
    from x_transformers.x_transformers import ScaledSinusoidalEmbedding

    table = ScaledSinusoidalEmbedding(14, theta=100).double()
    table.scale.data.fill_(1.0)
    # theirs counts frequencies from 0, and the paper from 1
    table.inv_freq = _theta(14, 100.0)
    p = table(torch.zeros(1, 37, 14))  # (T, d)
    pos = torch.arange(37, dtype=torch.float64)
    expected = (p @ p.T - 7) / 2
    torch.testing.assert_close(_bias(_sandwich(), pos, pos)[0, 0], expected, **EXACT)


def test_falls_on_average_only():
    falls = _bias(_sandwich(d_bar=128, base=10000.0), torch.tensor([512.0]), torch.arange(513.0))
    by_distance = falls[0, 0, 0].flip(0)
    assert (by_distance.diff() > 0).sum() == 235
    assert by_distance[-64:].mean() < by_distance[64:128].mean() < by_distance[:64].mean()


def test_depends_only_on_distance():
    pos = torch.arange(13, dtype=torch.float64)
    near, far = _bias(_sandwich(), pos, pos), _bias(_sandwich(), pos + 1000, pos + 1000)
    torch.testing.assert_close(near, far, rtol=0, atol=1e-10)  # 1000 rad in float64


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="d_bar = 7"):
        _sandwich(d_bar=7)
