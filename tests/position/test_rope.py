import pytest
import torch

from kexue_pipe.position.rope import Rope

B, H, T, D = 2, 3, 11, 14
EXACT = {"rtol": 0, "atol": 1e-12}


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


def _scores(rope, q, k, pos_q, pos_k):
    q, k = rope.rotate(q, k, pos_q, pos_k)
    return q @ k.mT


def test_equals_the_general_scorer_at_any_positions(qk):
    pos = torch.randn(T, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 50
    theta = 100.0 ** (-2 * torch.arange(D // 2, dtype=torch.float64) / D)
    expected = _general_scores(*qk, pos[:, None] - pos, theta)
    rope = Rope(head_width=D, base=100.0)
    torch.testing.assert_close(_scores(rope, *qk, pos, pos), expected, **EXACT)
    block = _scores(rope, qk[0][:, :, 3:5], qk[1], pos[3:5], pos)
    torch.testing.assert_close(block, expected[:, :, 3:5], **EXACT)


def test_score_depends_only_on_distance(qk):
    rope, pos = Rope(head_width=D, base=10000.0), torch.arange(T, dtype=torch.float64)
    near, far = _scores(rope, *qk, pos, pos), _scores(rope, *qk, pos + 1000, pos + 1000)
    torch.testing.assert_close(near, far, rtol=0, atol=1e-10)  # 1000 rad in float64


def test_length_of_a_vector_does_not_change(qk):
    q, _ = Rope(head_width=D, base=10000.0).rotate(*qk, *[torch.arange(T) * 7.0] * 2)
    torch.testing.assert_close(q.norm(dim=-1), qk[0].norm(dim=-1), **EXACT)


def test_a_quarter_turn_by_hand():
    """theta = [1, 1/10]: at position pi/2 channel 0 turns onto channel 1, channel 2 barely."""
    x = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]], dtype=torch.float64)
    pos = torch.tensor([torch.pi / 2], dtype=torch.float64)
    turned, _ = Rope(head_width=4, base=100.0).rotate(x, x, pos, pos)
    expected = [0.0, 1.0, 0.98768834, 0.15643447]  # cos and sin of 9 degrees
    torch.testing.assert_close(turned.flatten(), torch.tensor(expected).double(), rtol=0, atol=1e-7)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers(qk):
    from x_transformers.x_transformers import RotaryEmbedding, apply_rotary_pos_emb

    theirs = RotaryEmbedding(D, base=100).double()
    theirs.inv_freq = 100.0 ** (-2 * torch.arange(D // 2, dtype=torch.float64) / D)
    q, _ = Rope(head_width=D, base=100.0).rotate(*qk, *[torch.arange(T)] * 2)
    expected = apply_rotary_pos_emb(qk[0], theirs(torch.arange(T))[0])
    torch.testing.assert_close(q, expected, **EXACT)


def test_angles_do_not_lose_digits_in_half_precision(qk):
    rope, pos = Rope(head_width=D, base=10000.0), torch.full((T,), 4096.0)
    exact, _ = rope.rotate(*qk, pos, pos)
    half, _ = rope.rotate(*(x.bfloat16() for x in qk), pos, pos)
    # bfloat16 rounds a product to 2^-9; vectors have entries up to 3
    assert (half.double() - exact).abs().max() < 0.05


def test_frequencies_are_replaced_in_a_copy_and_are_in_no_checkpoint(qk):
    rope, pos = Rope(head_width=D, base=100.0), torch.arange(T)
    slow = rope.with_frequencies(rope.theta / 2)
    torch.testing.assert_close(rope.theta, 2 * slow.theta)
    for q, expected in zip(
        slow.rotate(*qk, pos, pos), rope.rotate(*qk, pos / 2, pos / 2), strict=True
    ):
        torch.testing.assert_close(q, expected, **EXACT)
    assert not rope.state_dict() and not slow.state_dict()


def test_odd_head_width_is_refused():
    with pytest.raises(ValueError, match="head_width = 7"):
        Rope(head_width=7, base=10000.0)
