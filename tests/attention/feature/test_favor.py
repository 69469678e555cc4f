from math import exp

import pytest
import torch

from kexue_pipe.attention.feature.favor import Favor
from kexue_pipe.core.initialise import initialise

D = 8


def build(features_per_channel=4, seed=0):
    favor = Favor(head_width=D, features_per_channel=features_per_channel)
    initialise(favor, seed)
    return favor.double()


def draw(n, std=1.0):
    generator = torch.Generator().manual_seed(3)
    return std * torch.randn(2, n, D, generator=generator, dtype=torch.float64)


def plain(favor, x):
    """The formula, feature by feature and token by token."""
    x = x * D**-0.25
    m = len(favor.W)
    rows = [[exp(w @ t - t @ t / 2) / m**0.5 for w in favor.W] for t in x]
    return torch.tensor(rows, dtype=torch.float64)


def test_rows_are_those_of_the_formula():
    favor, (q, k) = build(), draw(5)
    phi_q, phi_k = favor(q, k)
    torch.testing.assert_close(phi_k, plain(favor, k), rtol=1e-12, atol=0)
    expected = plain(favor, q) @ plain(favor, k).mT
    rows = phi_q @ phi_k.mT
    expected, rows = (m / m.sum(-1, keepdim=True) for m in (expected, rows))
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings("ignore:.*[Dd]istutils")  # which it asks for torch's version
def test_rows_are_those_of_the_performer():
    """It takes the largest of all keys from their exponents, which cancels in rows."""
    from performer_pytorch.performer_pytorch import softmax_kernel

    favor, (q, k) = build(), draw(9)
    theirs = {"projection_matrix": favor.W, "eps": 0.0}
    phi_q = softmax_kernel(q[None, None], is_query=True, **theirs)[0, 0]
    phi_k = softmax_kernel(k[None, None], is_query=False, **theirs)[0, 0]
    expected, rows = phi_q @ phi_k.mT, favor(q, k)[0] @ favor(q, k)[1].mT
    expected, rows = (m / m.sum(-1, keepdim=True) for m in (expected, rows))
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-13)


def test_rows_are_those_of_softmax_on_average():
    """Unbiased: over 2 ** 14 features the error is a few percent."""
    favor, (q, k) = build(features_per_channel=2**11), draw(6, std=0.5)
    rows = favor(q, k)[0] @ favor(q, k)[1].mT
    exact = (q @ k.mT / D**0.5).softmax(-1)
    assert (rows / rows.sum(-1, keepdim=True) / exact - 1).abs().max() < 0.05


def test_directions_are_orthogonal_in_blocks_and_lengths_are_gaussian():
    W = build(features_per_channel=500).W
    gram = W.unflatten(0, (-1, D)) @ W.unflatten(0, (-1, D)).mT
    assert (gram - torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))).abs().max() < 1e-5
    assert float(W.square().sum(-1).mean()) == pytest.approx(D, rel=0.05)
    assert W.mean().abs() < 0.05


def test_projections_are_kept_and_follow_the_seed():
    assert "W" in build().state_dict()
    assert torch.equal(build().W, build().W) and not torch.equal(build().W, build(seed=1).W)


def test_far_queries_and_keys_do_not_overflow():
    favor, (q, k) = build().float(), draw(50, std=1e3).float()
    phi_q, phi_k = favor(q, k)
    assert phi_q.isfinite().all() and phi_k.isfinite().all()
    assert (phi_q.amax(-1) == len(favor.W) ** -0.5).all()
