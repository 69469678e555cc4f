import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.logn import LogN
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.core import attention_parts
from kexue_pipe.core.contracts import Position
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.rope import Rope

B, T, C, H, D = 2, 19, 7, 3, 6
ROPE, ALIBI = Rope(head_width=D, base=100.0), Alibi(num_heads=H, max_exponent=8.0)
POS = torch.arange(T, dtype=torch.float64)


class ScoredRope(Position):
    """Rope by the hook that replaces the scores."""

    def scores(self, q, k, pos_q, pos_k):
        q, k = ROPE.rotate(q, k, pos_q, pos_k)
        return q @ k.mT


class SlowSoftmax(Softmax):
    """The same normaliser without a kernel of its own."""

    fused = False
    mix = attention_parts.Normaliser.mix


def _attention(mask=None, scale=None, normaliser=None):
    torch.manual_seed(0)
    layout = MultiHead(width=C, num_heads=H, head_width=D)
    parts = {"scale": scale or RSqrt(), "normaliser": normaliser or Softmax()}
    return SoftmaxAttention(layout=layout, mask=mask or Causal(), **parts).double()


def _x():
    return torch.randn(B, T, C, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _slow(attention, x, position, width=T, base=None):
    """The definition, one query at a time."""
    q, k, v = attention.layout.project(x)
    plain_q = q
    q, k = position.rotate(q, k, POS, POS)
    bias = position.bias(plain_q, POS, POS)
    mixed = torch.zeros(B, H, T, D, dtype=torch.float64)
    for i in range(T):
        seen = slice(max(0, i - width + 1), i + 1)
        n = seen.stop - seen.start
        factor = D**-0.5 * (1 if base is None else torch.tensor(n).log() / torch.tensor(base).log())
        scores = factor * (q[:, :, i, None] * k[:, :, seen]).sum(-1)  # (B, H, n)
        scores = scores if bias is None else scores + bias[:, :, i, seen]
        weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        mixed[:, :, i] = (weights[..., None] * v[:, :, seen]).sum(2)
    return attention.merge(mixed)


@pytest.mark.parametrize("position", [Position(), ROPE, ALIBI], ids=["none", "rope", "alibi"])
@pytest.mark.parametrize("budget", [2**22, B * H * T * 4, 1], ids=["whole", "blocks", "rows"])
@pytest.mark.parametrize("width", [T, 4])
@pytest.mark.parametrize("base", [None, 8.0])
def test_equals_the_definition(monkeypatch, position, budget, width, base):
    monkeypatch.setattr(attention_parts, "MAX_COEFFICIENTS", budget)
    mask = Causal() if width == T else Window(width=width)
    attention = _attention(mask, None if base is None else LogN(base=base))
    expected = _slow(attention, _x(), position, width, base)
    mixed = attention(_x(), POS, position)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-6 if base else 1e-12)


@pytest.mark.parametrize("budget", [2**22, B * H * T * 4])
def test_replaced_scores_and_slow_normalisers_take_the_same_path(monkeypatch, budget):
    monkeypatch.setattr(attention_parts, "MAX_COEFFICIENTS", budget)
    expected = _attention()(_x(), POS, ROPE)
    replaced = _attention()(_x(), POS, ScoredRope())
    slow = _attention(normaliser=SlowSoftmax())(_x(), POS, ROPE)
    torch.testing.assert_close(replaced, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(slow, expected, rtol=0, atol=1e-12)


class _Largest(TorchDispatchMode):
    """Record the size of the largest tensor that any operation gives."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return result


@pytest.mark.parametrize("position", [ROPE, ALIBI, ScoredRope()], ids=["rope", "alibi", "scores"])
@pytest.mark.parametrize("mask", [Causal(), Window(width=64)], ids=["causal", "window"])
def test_nothing_of_the_size_of_the_score_matrix_is_built(position, mask):
    length = 4096
    attention = _attention(mask)
    with torch.no_grad(), _Largest() as largest:
        attention(torch.zeros(1, length, C, dtype=torch.float64), torch.arange(length), position)
    assert largest.numel <= 2**22 < length * length


def test_a_linear_bias_keeps_its_digits_in_float32_over_thousands_of_keys():
    """The trap: slope times position is large, and what tells neighbours apart is lost in it."""
    attention, generator = _attention(), torch.Generator().manual_seed(1)
    x = torch.randn(1, 4096, C, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        exact = attention(x, torch.arange(4096.0).double(), ALIBI)
        rounded = attention.float()(x.float(), torch.arange(4096.0), ALIBI)
    assert (rounded - exact).abs().max() < 5e-5


def test_log_n_counts_the_keys_that_the_window_shows():
    attention = _attention(Window(width=4), LogN(base=4.0))
    usual = _attention(Window(width=4))
    full_rows = slice(3, None)  # rows that see four keys have the usual scale
    logn, expected = attention(_x(), POS, ROPE), usual(_x(), POS, ROPE)
    torch.testing.assert_close(logn[:, full_rows], expected[:, full_rows], rtol=0, atol=1e-7)
    assert (logn[:, 1:3] - expected[:, 1:3]).abs().max() > 1e-4


def test_mask_works_on_indices_and_not_on_position_ids():
    attention = _attention(Window(width=4))
    spread = attention(_x(), POS * 3, Position())
    torch.testing.assert_close(spread, attention(_x(), POS, Position()), rtol=0, atol=1e-12)


def test_equal_tokens_are_equal_everywhere_without_a_first_one():
    x = _x()[:, :1].expand(-1, T, -1)
    for position in (Position(), ROPE, ALIBI):
        assert _attention()(x, POS, position).std(1).max() < 1e-12


def test_a_window_keeps_its_keys_and_a_causal_mask_keeps_all():
    full, window = _attention(), _attention(Window(width=4))
    assert (full.cache_elements_per_token(), full.state_elements()) == (2 * H * D, 0)
    assert (window.cache_elements_per_token(), window.state_elements()) == (0, 4 * 2 * H * D)
