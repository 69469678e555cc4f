import pytest
import torch
from torch.testing import assert_close

from kexue_pipe.position.p_rope import PRope
from kexue_pipe.position.rope import Rope

D, T = 16, 11
EXACT = {"rtol": 0, "atol": 1e-12}


def make(p, stays="slow"):
    return PRope(head_width=D, base=100.0, p=p, stays=stays)


@pytest.fixture
def qk():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 2, 3, T, D, generator=generator, dtype=torch.float64).unbind()


def test_frequencies_keep_their_places_and_the_slowest_are_zero():
    theta = 100.0 ** (-torch.arange(8, dtype=torch.float64) / 8)
    assert_close(make(0.75).theta, torch.cat((theta[:6], torch.zeros(2).double())), **EXACT)
    reversed_control = torch.cat((torch.zeros(2).double(), theta[2:]))
    assert_close(make(0.75, "fast").theta, reversed_control, **EXACT)


@pytest.mark.parametrize("stays", ["slow", "fast"])
def test_one_is_rope_and_zero_is_no_position(qk, stays):
    pos = torch.arange(T) * 2.0
    rope = Rope(head_width=D, base=100.0).rotate(*qk, pos, pos)
    for all_pairs, none, x, y in zip(
        make(1.0, stays).rotate(*qk, pos, pos),
        make(0.0, stays).rotate(*qk, pos, pos),
        rope,
        qk,
        strict=True,
    ):
        assert_close(all_pairs, x, **EXACT)
        assert_close(none, y, **EXACT)


def test_channels_of_still_pairs_stay_and_the_others_are_rope(qk):
    pos = torch.arange(T) * 5.0
    q, _ = make(0.75).rotate(*qk, pos, pos)
    rope, _ = Rope(head_width=D, base=100.0).rotate(*qk, pos, pos)
    still = torch.tensor([12, 13, 14, 15])
    moving = torch.tensor([c for c in range(D) if c not in still])
    assert_close(q[..., still], qk[0][..., still], **EXACT)
    assert_close(q[..., moving], rope[..., moving], **EXACT)


def test_still_pairs_stay_still_under_other_frequencies(qk):
    position, pos = make(0.5), torch.arange(T)
    slow = position.with_frequencies(position.theta / 2)
    assert_close(slow.rotate(*qk, pos, pos)[0], position.rotate(*qk, pos / 2, pos / 2)[0], **EXACT)
    assert (slow.theta == 0).sum() == 4 and not position.state_dict()
