import pytest
import torch

from kexue_pipe.attention.differential import DifferentialAttention
from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.core import attention_parts
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.rope import Rope

B, T, C, H, D = 2, 13, 7, 4, 6
ROPE, ALIBI = Rope(head_width=D, base=100.0), Alibi(num_heads=H, max_exponent=8.0)
POS = torch.arange(T, dtype=torch.float64)


def _attention(mask=None, start=0.8, num_heads=H):
    layout = MultiHead(width=C, num_heads=num_heads, head_width=D)
    parts = {"scale": RSqrt(), "normaliser": Softmax(), "mask": mask or Causal()}
    attention = DifferentialAttention(layout=layout, first=start, last=0.8, rate=0.3, **parts)
    initialise(attention, 0)
    return attention.double()


def _x():
    return torch.randn(B, T, C, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _weight(attention):
    q1, k1, q2, k2 = attention.vectors
    return (q1 * k1).sum().exp() - (q2 * k2).sum().exp() + attention.start


def _slow(attention, x, position, width=T):
    """The definition, one pair and one query at a time."""
    q, k, v = attention.layout.project(x)
    bias = position.bias(q, POS, POS)
    q, k = position.rotate(q, k, POS, POS)
    mixed = torch.zeros(B, H, T, D, dtype=torch.float64)
    for i in range(T):
        seen = slice(max(0, i - width + 1), i + 1)
        scores = (q[:, :, i, None] * k[:, :, seen]).sum(-1) / D**0.5  # (B, H, n)
        maps = (scores if bias is None else scores + bias[:, :, i, seen]).softmax(-1)
        for p in range(0, H, 2):
            values = torch.cat((v[:, p, seen], v[:, p + 1, seen]), dim=-1)  # (B, n, 2 D)
            weights = maps[:, p] - _weight(attention) * maps[:, p + 1]
            out = (weights[..., None] * values).sum(1)
            out = out / (out.square().mean(-1, keepdim=True) + 1e-5).sqrt()
            mixed[:, p, i], mixed[:, p + 1, i] = ((1 - attention.start) * out).chunk(2, dim=-1)
    return attention.layout.merge(mixed)


@pytest.mark.parametrize("position", [Position(), ROPE, ALIBI], ids=["none", "rope", "alibi"])
@pytest.mark.parametrize("budget", [2**22, B * H * T * 4], ids=["whole", "blocks"])
@pytest.mark.parametrize("width", [T, 4])
def test_equals_the_definition(monkeypatch, position, budget, width):
    monkeypatch.setattr(attention_parts, "MAX_COEFFICIENTS", budget)
    attention = _attention(Causal() if width == T else Window(width=width))
    expected = _slow(attention, _x(), position, width)
    torch.testing.assert_close(attention(_x(), POS, position), expected, rtol=0, atol=1e-11)


def test_rows_sum_to_one_less_the_weight_and_have_both_signs():
    attention = _attention()
    (rows,) = attention.row_blocks(_x(), POS, ROPE, torch.arange(T))
    left = 1 - _weight(attention)
    torch.testing.assert_close(rows.weights.sum(-1), left.expand(B, H // 2, T), rtol=0, atol=1e-12)
    assert 0.1 < (rows.weights < 0).sum() / (rows.mask.sum() * B * H / 2) < 0.9
    assert not rows.row_stochastic and rows.values.shape == (B, H // 2, T, 2 * D)


def test_the_weight_rises_with_the_layer_as_in_the_paper():
    starts = [_attention(start=0.2).place(layer, 9).start for layer in range(9)]
    expected = 0.8 - 0.6 * torch.exp(-0.3 * torch.arange(9, dtype=torch.float64))
    torch.testing.assert_close(torch.tensor(starts, dtype=torch.float64), expected)


def test_without_a_second_map_it_is_the_first_softmax():
    attention = _attention(start=0.0)
    with torch.no_grad():
        attention.vectors.zero_()
    q, k, _ = attention.layout.project(_x())
    (rows,) = attention.row_blocks(_x(), POS, Position(), torch.arange(T))
    expected = Softmax().weights(q[:, ::2] @ k[:, ::2].mT / D**0.5, torch.ones(T, T).tril() > 0)
    torch.testing.assert_close(rows.weights, expected, rtol=0, atol=1e-12)


def test_gradients_reach_every_parameter():
    attention = _attention()
    attention(_x(), POS, ROPE).square().sum().backward()
    assert all((parameter.grad != 0).all() for parameter in attention.parameters())
    assert 0.05 < attention.vectors.std() < 0.2


def test_an_odd_number_of_heads_is_refused():
    with pytest.raises(ValueError, match="num_heads = 3"):
        _attention(num_heads=3)


def test_a_window_keeps_its_keys_and_a_causal_mask_keeps_all():
    full, window = _attention(), _attention(Window(width=4))
    assert (full.cache_elements_per_token(), full.state_elements()) == (2 * H * D, 0)
    assert (window.cache_elements_per_token(), window.state_elements()) == (0, 4 * 2 * H * D)
