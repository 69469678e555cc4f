import pytest
import torch
from torch.nn.functional import elu

from kexue_pipe.attention.feature.elu1 import Elu1
from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.linear import LinearAttention, chunked
from kexue_pipe.core.contracts import Position
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.rope import Rope

B, C, H, D = 2, 7, 3, 6
ROPE = Rope(head_width=D, base=100.0)


def _attention():
    torch.manual_seed(0)
    layout = MultiHead(width=C, num_heads=H, head_width=D)
    return LinearAttention(layout=layout, feature=Elu1()).double()


def _x(length):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(B, length, C, generator=generator, dtype=torch.float64)


def _recurrent(attention, x, position):
    """The definition, as a state that is updated token by token."""
    q, k, v = attention.layout.project(x)
    q, k = elu(q) + 1, elu(k) + 1
    pos = torch.arange(x.shape[1], dtype=torch.float64)
    turned_q, turned_k = position.rotate(q, k, pos, pos)
    state, total, mixed = 0, 0, []
    for i in range(x.shape[1]):
        state = state + turned_k[:, :, i, :, None] * v[:, :, i, None, :]
        total = total + k[:, :, i]
        numerator = (turned_q[:, :, i, :, None] * state).sum(2)
        mixed.append(numerator / (q[:, :, i] * total).sum(-1, keepdim=True))
    return attention.merge(torch.stack(mixed, dim=2))


@pytest.mark.parametrize("position", [Position(), ROPE], ids=["none", "rope"])
@pytest.mark.parametrize("length", [1, 17, 64, 65, 131])
def test_equals_the_recurrent_form(position, length):
    attention, x = _attention(), _x(length)
    mixed = attention(x, torch.arange(length, dtype=torch.float64), position)
    torch.testing.assert_close(mixed, _recurrent(attention, x, position), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1, 7, 16, 23, 100])
def test_every_chunk_size_gives_the_same(size):
    q, k, v = torch.randn(3, B, H, 23, D, generator=torch.Generator().manual_seed(0)).double()
    expected = (q @ k.mT).tril() @ v
    torch.testing.assert_close(chunked(q, k, v, size), expected, rtol=0, atol=1e-12)


def test_rows_are_stochastic_exactly_without_rotation():
    attention, x, pos = _attention(), _x(23), torch.arange(23.0)
    plain = next(attention.row_blocks(x, pos, Position(), torch.arange(23)))
    turned = next(attention.row_blocks(x, pos, ROPE, torch.arange(23)))
    assert plain.row_stochastic and not turned.row_stochastic
    assert (plain.weights >= 0).all() and (plain.weights.sum(-1) - 1).abs().max() < 1e-12
    assert (turned.weights < 0).any()


def test_denominator_is_not_rotated():
    """The rows' sums with rotation are those of the rotated over the unrotated products."""
    attention, x, pos = _attention(), _x(23), torch.arange(23.0)
    q, k, _ = attention.layout.project(x)
    q, k = elu(q) + 1, elu(k) + 1
    turned_q, turned_k = ROPE.rotate(q, k, pos, pos)
    sums = (turned_q @ turned_k.mT).tril().sum(-1) / (q @ k.mT).tril().sum(-1)
    rows = next(attention.row_blocks(x, pos, ROPE, torch.arange(23)))
    torch.testing.assert_close(rows.weights.sum(-1), sums, rtol=0, atol=1e-12)


def test_what_acts_on_scores_is_refused():
    with pytest.raises(ValueError, match="Alibi acts on scores"):
        _attention()(_x(5), torch.arange(5.0), Alibi(num_heads=H, max_exponent=8.0))


def test_features_that_vanish_give_zeros():
    attention = _attention().float()
    with torch.no_grad():
        attention.layout.qkv.weight.fill_(-100.0)
    mixed = attention(torch.ones(1, 5, C), torch.arange(5.0), Position())
    assert (mixed == 0).all()


def test_state_is_two_sums_per_head_and_nothing_per_token():
    attention = _attention()
    assert attention.state_elements() == H * (D * D + D)
    assert attention.cache_elements_per_token() == 0
