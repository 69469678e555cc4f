import pytest
import torch
from torch.testing import assert_close

from kexue_pipe.position.rope import Rope
from kexue_pipe.position.rope_partial import RopePartial

B, H, T, D = 2, 3, 11, 16
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def qk():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, B, H, T, D, generator=generator, dtype=torch.float64).unbind()


def test_first_half_is_rope_of_half_the_width_and_the_rest_stays(qk):
    pos = torch.arange(T) * 3.0
    position = RopePartial(head_width=D, base=100.0, fraction=0.5)
    narrow = Rope(head_width=D // 2, base=100.0).rotate(*(x[..., :8] for x in qk), pos, pos)
    for x, turned, half in zip(qk, position.rotate(*qk, pos, pos), narrow, strict=True):
        assert torch.equal(turned[..., 8:], x[..., 8:])
        assert_close(turned[..., :8], half, **EXACT)


def test_all_channels_are_rope(qk):
    pos = torch.arange(T)
    whole = RopePartial(head_width=D, base=100.0, fraction=1.0).rotate(*qk, pos, pos)
    for x, y in zip(whole, Rope(head_width=D, base=100.0).rotate(*qk, pos, pos), strict=True):
        assert_close(x, y, **EXACT)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers(qk):
    from x_transformers.x_transformers import RotaryEmbedding, apply_rotary_pos_emb

    theirs = RotaryEmbedding(D // 2, base=100).double()
    theirs.inv_freq = 100.0 ** (-2 * torch.arange(D // 4, dtype=torch.float64) / (D // 2))

    pos = torch.arange(T)
    q, _ = RopePartial(head_width=D, base=100.0, fraction=0.5).rotate(*qk, pos, pos)
    expected = apply_rotary_pos_emb(qk[0], theirs(pos)[0])
    assert_close(q, expected, **EXACT)


@pytest.mark.parametrize("base", [2.0, 100.0, 10000.0, 1e6])
def test_with_half_the_channels_still_equal_content_never_repels(base):
    """sum_m cos(t theta_m) + D / 4 >= 0: the score of a vector with itself at any distance."""
    ones, zero = torch.ones(1, 1, 1, D).double(), torch.zeros(1)
    position = RopePartial(head_width=D, base=base, fraction=0.5)
    pos = torch.arange(2000)
    q, k = position.rotate(ones, ones.expand(1, 1, 2000, D), zero, pos)
    assert (q @ k.mT).min() >= -1e-12
    assert (Rope(head_width=D, base=100.0).rotate(ones, ones, pos[:1], pos[40:41])[1]).sum() < 0


def test_frequencies_are_replaced_in_a_copy(qk):
    position, pos = RopePartial(head_width=D, base=100.0, fraction=0.5), torch.arange(T)
    slow = position.with_frequencies(position.theta / 2)
    assert_close(slow.rotate(*qk, pos, pos)[0], position.rotate(*qk, pos / 2, pos / 2)[0], **EXACT)
    assert not position.state_dict()
