"""The rotation trick: the matrix itself, angles, lengths, degenerate directions, the package."""

import pytest
import torch
from torch.nn import functional as F
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from kexue_pipe.quantizer.estimator.rotation import Rotation


def normal(n, D, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, D, generator=generator, dtype=torch.float64)


def run(z, q, w):
    z = z.clone().requires_grad_()
    q = q.clone().requires_grad_()
    out = Rotation()(z, q, torch.Generator(), True)
    (out * w).sum().backward()
    assert q.grad is None
    return out.detach(), z.grad


def matrix(z, q):
    """Rotate in the plane of z and q from z to q, by Gram-Schmidt."""
    a = F.normalize(z, dim=0)
    b = F.normalize(q - a * (a @ q), dim=0)
    cos = a @ F.normalize(q, dim=0)
    sin = b @ F.normalize(q, dim=0)
    plane = torch.outer(a, a) + torch.outer(b, b)
    turned = cos * plane + sin * (torch.outer(b, a) - torch.outer(a, b))
    return torch.eye(len(z), dtype=z.dtype) - plane + turned


@pytest.mark.parametrize("D", [2, 4, 32])
def test_gradient_is_that_of_the_rotation_in_the_plane_of_latent_and_row(D):
    z, q, w = (normal(9, D, seed) for seed in range(3))
    value, gradient = run(z, 3 * q, w)
    assert torch.equal(value, 3 * q)
    for i in range(9):
        R = matrix(z[i], q[i])
        torch.testing.assert_close(R @ R.T, torch.eye(D, dtype=z.dtype))
        assert torch.linalg.det(R).item() == pytest.approx(1.0)
        scale = 3 * q[i].norm() / z[i].norm()
        torch.testing.assert_close(gradient[i], scale * R.T @ w[i])


def test_angle_between_gradient_and_vector_is_kept_and_length_scaled():
    z, q, w = (normal(9, 6, seed) for seed in range(3))
    _, gradient = run(z, q, w)
    cosine = F.cosine_similarity(gradient, z)
    torch.testing.assert_close(cosine, F.cosine_similarity(w, q))
    torch.testing.assert_close(gradient.norm(dim=1), w.norm(dim=1) * q.norm(dim=1) / z.norm(dim=1))


def test_latents_on_their_row_get_the_straight_through_gradient():
    z, w = normal(9, 6, 0), normal(9, 6, 1)
    torch.testing.assert_close(run(z, z, w)[1], w)


def test_opposite_row_has_its_value_and_a_finite_gradient():
    z, w = normal(9, 6, 0), normal(9, 6, 1)
    value, gradient = run(z, -2 * z, w)
    assert torch.equal(value, -2 * z) and gradient.isfinite().all()


@pytest.mark.parametrize("scale", [0.0, 1e-9])
def test_without_a_direction_the_gradient_passes_unchanged(scale):
    z, q, w = (normal(9, 6, seed) for seed in range(3))
    for start, end in ((scale * z, q), (z, scale * q), (scale * z, scale * q)):
        value, gradient = run(start, end, w)
        assert torch.equal(value, end) and torch.equal(gradient, w)


def test_value_and_gradient_equal_the_reference_package():
    z, q, w = (normal(9, 6, seed) for seed in range(3))
    value, gradient = run(z, q, w)
    theirs = z.clone().requires_grad_()
    reference = rotate_to(theirs, q)
    (reference * w).sum().backward()
    torch.testing.assert_close(value, reference.detach())
    torch.testing.assert_close(gradient, theirs.grad)


def test_reference_package_loses_the_row_of_a_zero_latent():
    # it gives |q| / 1e-6 R 0 = 0, so the decoder would not see q: here the row is always exact
    zero, q = torch.zeros(1, 6, dtype=torch.float64), normal(1, 6, 0)
    assert (rotate_to(zero, q) == 0).all()
    assert torch.equal(run(zero, q, q)[0], q)
