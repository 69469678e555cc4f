import pytest
import torch
from torch.testing import assert_close

from kexue_pipe.position.inv_leaky_rerope import InvLeakyRerope
from kexue_pipe.position.rope import Rope

B, H, T, D, N = 2, 3, 13, 14, 12
EXACT = {"rtol": 0, "atol": 1e-11}


def make(window=0.25, step=16.0):
    return InvLeakyRerope(head_width=D, base=100.0, window=window, step=step, train_length=N)


@pytest.fixture
def qk():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, B, H, T, D, generator=generator, dtype=torch.float64).unbind()


def _general_scores(q, k, relative, theta):
    """The scores of any matrix of relative positions (T, S), pair by pair."""
    q1, q2, k1, k2 = (x[..., c::2] for x in (q, k) for c in (0, 1))
    scores = 0
    for m in range(len(theta)):
        angle = relative * theta[m]
        even = q1[..., :, None, m] * k1[..., None, :, m] + q2[..., :, None, m] * k2[..., None, :, m]
        odd = q1[..., :, None, m] * k2[..., None, :, m] - q2[..., :, None, m] * k1[..., None, :, m]
        scores = scores + even * angle.cos() + odd * angle.sin()
    return scores


@pytest.mark.parametrize("window, step", [(0.25, 16.0), (0.3, 2.5), (0.5, 0.0)])
def test_training_scores_are_those_of_the_stretched_distances(qk, window, step):
    position, pos = make(window, step), torch.arange(T, dtype=torch.float64)
    distance, w = pos[:, None] - pos, window * N
    stretched = torch.where(distance < w, distance, w + (distance - w) * step)
    expected = _general_scores(*qk, stretched, position.theta)
    assert_close(position.scores(*qk, pos, pos), expected, **EXACT)
    block = position.scores(qk[0][:, :, 3:5], qk[1][:, :, :9], pos[3:5], pos[:9])
    assert_close(block, expected[:, :, 3:5, :9], **EXACT)


def test_at_test_it_is_rope(qk):
    position, pos = make().eval(), torch.arange(T)
    assert position.scores(*qk, pos, pos) is None
    rope = Rope(head_width=D, base=100.0).rotate(*qk, pos, pos)
    for x, y in zip(position.rotate(*qk, pos, pos), rope, strict=True):
        assert_close(x, y, **EXACT)


@pytest.mark.parametrize("window, step", [(0.25, 1.0), (2.0, 16.0)])
def test_without_stretch_or_beyond_the_window_training_is_rope(qk, window, step):
    pos = torch.arange(T, dtype=torch.float64)
    q, k = Rope(head_width=D, base=100.0).rotate(*qk, pos, pos)
    assert_close(make(window, step).scores(*qk, pos, pos), q @ k.mT, **EXACT)


def test_a_shift_is_not_seen_in_training(qk):
    pos = torch.arange(T, dtype=torch.float64)
    moved = make().scores(*qk, pos + 1000, pos + 1000)
    assert_close(moved, make().scores(*qk, pos, pos), rtol=0, atol=1e-9)


def test_training_visits_the_distances_of_eight_lengths():
    """With N = 64, w = N / 4 and S = 16 the largest distance is 16 + 47 * 16 > 8 * 64."""
    position = InvLeakyRerope(head_width=2, base=100.0, window=0.25, step=16.0, train_length=64)
    one, pos = torch.tensor([[[[1.0, 0.0]]]]).double(), torch.tensor([63.0]).double()
    score = position.scores(one, one, pos, pos * 0)
    assert_close(score.flatten()[0], torch.tensor(16 + 47 * 16).double().cos())


def test_frequencies_are_replaced_in_a_copy_in_both_modes(qk):
    position, pos = make(), torch.arange(T, dtype=torch.float64)
    still = position.with_frequencies(position.theta * 0)
    assert_close(still.scores(*qk, pos, pos), qk[0] @ qk[1].mT, **EXACT)
    assert_close(still.rotate(*qk, pos, pos)[0], qk[0], **EXACT)
    assert not position.state_dict()
