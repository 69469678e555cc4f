"""DiVeQ: the split of the gradient, the noise, and an error of zero."""

import pytest
import torch
from torch.nn import functional as F
from vector_quantize_pytorch.vector_quantize_pytorch import directional_reparam

from kexue_pipe.quantizer.estimator.diveq import DiVeQ


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(seed, n=9, D=6):
    return torch.randn(n, D, generator=draws(seed), dtype=torch.float64)


def run(sigma2, z, q, w, seed=0):
    z, q = (v.clone().requires_grad_() for v in (z, q))
    out = DiVeQ(sigma2=sigma2)(z, q, draws(seed), True)
    (out * w).sum().backward()
    return out.detach(), z.grad, q.grad


def test_without_noise_the_row_learns_along_the_error_and_the_latent_across():
    z, q, w = (normal(seed) for seed in range(3))
    value, to_z, to_q = run(0.0, z, q, w)
    u = F.normalize(q - z, dim=1)
    along = u * (u * w).sum(1, keepdim=True)
    torch.testing.assert_close(value, q)
    torch.testing.assert_close(to_q, along)
    torch.testing.assert_close(to_z, w - along)


def test_without_noise_it_is_straight_through_with_an_auxiliary_loss():
    # sg(w . (q - z)) ln |q - z|: its gradient on q is u u' w
    z, q, w = (normal(seed) for seed in range(3))
    leaf = q.clone().requires_grad_()
    e = leaf - z
    ((w * e).sum(1).detach() * e.norm(dim=1).log()).sum().backward()
    torch.testing.assert_close(run(0.0, z, q, w)[2], leaf.grad)


def test_noise_turns_the_error_and_keeps_its_length():
    z, q = torch.zeros(20_000, 6).double(), normal(1, 1).expand(20_000, 6)
    value, *_ = run(0.04, z, q, q)
    torch.testing.assert_close(value.norm(dim=1), q.norm(dim=1))
    turned = q + 0.2 * torch.randn(q.shape, generator=draws(0)).double()
    torch.testing.assert_close(value, F.normalize(turned, dim=1) * q.norm(dim=1, keepdim=True))


def test_outside_of_training_the_value_is_exactly_the_row():
    z, q = normal(0), normal(1)
    assert torch.equal(DiVeQ(sigma2=0.5)(z, q, draws(), False), q)


@pytest.mark.parametrize("sigma2", [0.0, 1e-3])
def test_an_error_of_zero_has_a_finite_gradient(sigma2):
    z, w = normal(0), normal(1)
    value, to_z, to_q = run(sigma2, z, z, w)
    assert torch.equal(value, z) and to_z.isfinite().all() and to_q.isfinite().all()


def test_value_and_gradients_equal_the_reference_package_with_the_same_noise():
    z, q, w = (normal(seed).float() for seed in range(3))
    ours = run(5e-3, z, q, w, seed=7)
    torch.manual_seed(7)
    src, tgt = z.clone().requires_grad_(), q.clone().requires_grad_()
    out = directional_reparam(src, tgt, 5e-3)
    (out * w).sum().backward()
    for mine, theirs in zip(ours, (out.detach(), src.grad, tgt.grad), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
