from math import log

import pytest
import torch
from torch.nn.functional import cosine_similarity

from kexue_pipe.attention.scale.qknorm import QKNorm
from kexue_pipe.position.rope import Rope

H, COUNT = 3, torch.arange(1, 8)


def _scale(which="both", gain="learned", tau=None):
    scale = QKNorm(num_heads=H, train_length=64, which=which, gain=gain, tau=tau)
    return scale.double()


def _draw(spread=1.0):
    generator = torch.Generator().manual_seed(0)
    return spread * torch.randn(2, 2, H, 7, 8, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("which", ["key", "query", "both"])
@pytest.mark.parametrize("gain, tau", [("none", 1.0), ("fixed", 2.5), ("learned", 2.5)])
def test_equals_the_definition(which, gain, tau):
    q, k = _draw()
    scaled_q, scaled_k = _scale(which, gain, 2.5)(q, k, COUNT)
    cosines = cosine_similarity(q[..., :, None, :], k[..., None, :, :], dim=-1)  # (B, H, T, S)
    norms = {"key": q.norm(dim=-1)[..., None], "query": k.norm(dim=-1)[..., None, :], "both": 1}
    expected = tau * norms[which] * cosines
    torch.testing.assert_close(scaled_q @ scaled_k.mT, expected, rtol=0, atol=1e-12)


def test_key_norm_needs_no_other_scale():
    """Scores of N(0, 1) channels have a standard deviation near one."""
    q, k = torch.randn(2, 1, 1, 500, 32, generator=torch.Generator().manual_seed(0)).double()
    q, k = QKNorm(num_heads=1, train_length=64, which="key", gain="none", tau=None)(q, k, COUNT)
    assert abs((q @ k.mT).std().item() - 1) < 0.05


def test_gain_is_that_of_the_post_unless_it_is_given():
    for gain in ("fixed", "learned"):
        assert (_scale(gain=gain).tau - 4 * log(32)).abs().max() < 1e-5
        assert (_scale(gain=gain, tau=7.0).tau == 7).all()


def test_norms_do_not_matter_and_vanishing_vectors_are_finite():
    small, large = (_scale()(*_draw(spread), COUNT) for spread in (1e-3, 1e3))
    torch.testing.assert_close(small, large, rtol=0, atol=1e-12)
    q = torch.zeros(1, H, 1, 8, dtype=torch.float64, requires_grad=True)
    scaled, _ = _scale()(q, q, COUNT)
    scaled.sum().backward()
    assert (scaled == 0).all() and q.grad.isfinite().all()


def test_commutes_with_a_rotation():
    (q, k), pos = _draw(), torch.arange(7.0)
    rope = Rope(head_width=8, base=100.0)
    before = rope.rotate(*_scale()(q, k, COUNT), pos, pos)
    after = _scale()(*rope.rotate(q, k, pos, pos), COUNT)
    torch.testing.assert_close(before, after, rtol=0, atol=1e-12)


def test_each_head_learns_its_gain_from_the_same_start():
    scale = _scale()
    with torch.no_grad():
        scale.tau.fill_(1.0)
        scale.initialise(torch.Generator())
    assert (scale.tau - 4 * log(32)).abs().max() < 1e-5
    q, k = scale(*_draw(), COUNT)
    (q[:, 1] @ k[:, 1].mT).square().sum().backward()
    assert scale.tau.grad[1] != 0 and (scale.tau.grad[[0, 2]] == 0).all()
    assert not list(_scale(gain="fixed").parameters()) and not _scale(gain="fixed").state_dict()
