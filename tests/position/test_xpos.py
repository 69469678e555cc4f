import pytest
import torch
from torch.testing import assert_close

from kexue_pipe.position.rope import Rope
from kexue_pipe.position.xpos import Xpos

B, H, T, D, N = 2, 3, 11, 16, 8
EXACT = {"rtol": 0, "atol": 1e-11}


def make(gamma=0.4, scale_base=1.0, zeta="per_pair"):
    return Xpos(
        head_width=D, base=100.0, gamma=gamma, scale_base=scale_base, zeta=zeta, train_length=N
    )


@pytest.fixture
def qk():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, B, H, T, D, generator=generator, dtype=torch.float64).unbind()


def _scores(position, q, k, pos_q, pos_k):
    q, k = position.rotate(q, k, pos_q, pos_k)
    return q @ k.mT


def _expected(q, k, distance, zeta):
    """sum_m zeta_m^(r/N) (pair m of q turned by r theta_m) . (pair m of k), r (T, T) = i - j."""
    theta = 100.0 ** (-2 * torch.arange(D // 2, dtype=torch.float64) / D)
    complex_q, complex_k = (torch.complex(x[..., ::2], x[..., 1::2]) for x in (q, k))
    products = complex_q[..., :, None, :] * complex_k[..., None, :, :].conj()
    turns = torch.polar(zeta ** (distance[..., None] / N), distance[..., None] * theta)
    return (products * turns).sum(-1).real


def test_scores_are_those_of_rope_with_a_decay_per_pair(qk):
    pos = torch.arange(T, dtype=torch.float64)
    zeta = (2 * torch.arange(D // 2, dtype=torch.float64) / D + 0.4) / 1.4
    expected = _expected(*qk, pos[:, None] - pos, zeta)
    assert_close(_scores(make(), *qk, pos, pos), expected, **EXACT)
    block = _scores(make(), qk[0][:, :, 3:5], qk[1], pos[3:5], pos)
    assert_close(block, expected[:, :, 3:5], **EXACT)
    same = zeta.log().mean().exp().expand(D // 2)
    shared = _expected(*qk, pos[:, None] - pos, same)
    assert_close(_scores(make(zeta="shared"), *qk, pos, pos), shared, **EXACT)


def test_score_depends_only_on_distance(qk):
    pos = torch.arange(T, dtype=torch.float64)
    near, far = (_scores(make(), *qk, pos + c, pos + c) for c in (0, 100000))
    assert_close(near, far, rtol=0, atol=1e-8)  # 100000 rad in float64


def test_without_decay_it_is_rope(qk):
    pos = torch.arange(T)
    rope = _scores(Rope(head_width=D, base=100.0), *qk, pos, pos)
    assert_close(_scores(make(scale_base=1e15), *qk, pos, pos), rope, **EXACT)
    assert_close(_scores(make(gamma=1e15), *qk, pos, pos), rope, **EXACT)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers(qk):
    from x_transformers.x_transformers import RotaryEmbedding, apply_rotary_pos_emb

    theirs = RotaryEmbedding(D, use_xpos=True, scale_base=N, base=100).double()
    theirs.inv_freq = 100.0 ** (-2 * torch.arange(D // 2, dtype=torch.float64) / D)
    theirs.scale = (torch.arange(0, D, 2, dtype=torch.float64) + 0.4 * D) / (1.4 * D)
    freqs, scale = theirs(torch.arange(T))
    q, k = qk
    expected = apply_rotary_pos_emb(q, freqs, scale) @ apply_rotary_pos_emb(k, freqs, 1 / scale).mT
    pos = torch.arange(T)
    assert_close(_scores(make(), *qk, pos, pos), expected, **EXACT)


def test_decay_is_stronger_for_fast_pairs_and_never_growth():
    assert (make().decay < 0).all() and (make().decay.diff() > 0).all()


def test_sixteen_training_lengths_are_finite_and_a_hundred_are_refused_with_a_remedy():
    position = make()
    for factor in (16, 50):
        x = torch.ones(1, 1, factor * N, D)
        pos = torch.arange(factor * N)
        assert _scores(position, x, x, pos, pos).isfinite().all()
    x, pos = torch.ones(1, 1, 100 * N, D), torch.arange(100 * N)
    with pytest.raises(ValueError, match="raise position.scale_base, or lower"):
        position.rotate(x, x, pos, pos)


def test_frequencies_are_replaced_in_a_copy_and_the_decay_stays(qk):
    position = make()
    still = position.with_frequencies(position.theta * 0)
    pos = torch.arange(T, dtype=torch.float64)
    q, k = (x.abs() for x in qk)
    scores = _scores(still, q[:, :, :1].expand_as(q), k[:, :, :1].expand_as(k), pos, pos)
    assert (scores[..., -1, :].diff() > 0).all() and not position.state_dict()
