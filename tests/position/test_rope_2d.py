import pytest
import torch
from torch.testing import assert_close

from kexue_pipe.position.rope import Rope
from kexue_pipe.position.rope_2d import RopeAxes

B, H, T, D = 2, 3, 11, 16
EXACT = {"rtol": 0, "atol": 1e-12}


def make(channels="interleaved"):
    return RopeAxes(head_width=D, axes=["row", "column"], base=100.0, channels=channels)


@pytest.fixture
def qk():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, B, H, T, D, generator=generator, dtype=torch.float64).unbind()


@pytest.fixture
def pos():
    return torch.randn(T, B, 3, generator=torch.Generator().manual_seed(1)).double() * 20


def _scores(position, q, k, pos_q, pos_k):
    q, k = position.rotate(q, k, pos_q, pos_k)
    return q @ k.mT


def _expected(q, k, difference, theta, axis):
    """Pair by pair, from the differences of positions (B, T, S, axes)."""
    scores = 0
    for m, a in enumerate(axis):
        angle = difference[:, None, ..., a] * theta[m]  # (B, 1, T, S)
        q1, q2, k1, k2 = (x[..., c] for x in (q, k) for c in (2 * m, 2 * m + 1))
        dot = q1[..., None] * k1[..., None, :] + q2[..., None] * k2[..., None, :]
        cross = q1[..., None] * k2[..., None, :] - q2[..., None] * k1[..., None, :]
        scores = scores + dot * angle.cos() + cross * angle.sin()
    return scores


def test_interleaved_pairs_take_turns_with_the_spectrum_of_rope(qk, pos):
    theta = 100.0 ** (-2 * torch.arange(D // 2, dtype=torch.float64) / D)
    x = pos.transpose(0, 1)
    expected = _expected(*qk, x[:, :, None] - x[:, None], theta, [0, 1] * 4)
    assert_close(_scores(make(), *qk, pos, pos), expected, **EXACT)
    block = _scores(make(), qk[0][:, :, 3:5], qk[1], pos[3:5], pos)
    assert_close(block, expected[:, :, 3:5], **EXACT)


def test_split_blocks_have_a_spectrum_each(qk, pos):
    theta = (100.0 ** (-2 * torch.arange(4, dtype=torch.float64) / 8)).repeat(2)
    x = pos.transpose(0, 1)
    expected = _expected(*qk, x[:, :, None] - x[:, None], theta, [0] * 4 + [1] * 4)
    assert_close(_scores(make("split"), *qk, pos, pos), expected, **EXACT)


def test_on_the_diagonal_it_is_rope_with_and_without_axes(qk):
    n = torch.randn(T, generator=torch.Generator().manual_seed(2)).double() * 50
    rope = Rope(head_width=D, base=100.0).rotate(*qk, n, n)
    for ids in (n, n[:, None, None].expand(T, B, 3)):
        for x, y in zip(make().rotate(*qk, ids, ids), rope, strict=True):
            assert_close(x, y, **EXACT)


@pytest.mark.parametrize("channels", ["interleaved", "split"])
def test_a_shift_of_each_axis_is_not_seen_and_an_axis_that_is_not_read_neither(qk, pos, channels):
    position, shift = make(channels), torch.tensor([100.0, -30.0, 7.0]).double()
    moved = _scores(position, *qk, pos + shift, pos + shift)
    assert_close(moved, _scores(position, *qk, pos, pos), rtol=0, atol=1e-10)
    frames = pos * torch.tensor([1, 1, 0])
    assert_close(position.rotate(*qk, frames, pos)[0], position.rotate(*qk, pos, pos)[0], **EXACT)


def test_documents_have_ids_of_their_own(qk, pos):
    q, _ = make().rotate(*qk, pos, pos)
    alone, _ = make().rotate(*(x[1:] for x in qk), pos[:, 1:], pos[:, 1:])
    assert_close(q[1:], alone, **EXACT)


def test_frequencies_are_replaced_in_a_copy(qk, pos):
    position = make()
    slow = position.with_frequencies(position.theta / 2)
    assert_close(slow.rotate(*qk, pos, pos)[0], position.rotate(*qk, pos / 2, pos / 2)[0], **EXACT)
    assert not position.state_dict()
