"""Rotations: endpoints of the spectrum, the definition by complex numbers, norms."""

import torch

from kexue_pipe.core.rotation import frequencies, table, turn


def test_frequencies_run_from_one_to_base_to_the_minus_one_and_two_over_d() -> None:
    theta = frequencies(6, 1000.0)
    assert torch.allclose(theta, torch.tensor([1.0, 0.1, 0.01]).double())


def test_turning_is_multiplication_by_a_unit_complex_number() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 7, 6, generator=generator, dtype=torch.float64)  # (B, T, D)
    pos, theta = torch.arange(7.0) * 1.5, frequencies(6, 50.0)
    turned = turn(x, *table(pos, theta, x.dtype))
    angle = pos.double()[:, None] * theta
    expected = torch.complex(x[..., :3], x[..., 3:]) * torch.polar(torch.ones_like(angle), angle)
    assert torch.allclose(turned[..., :3], expected.real, atol=1e-12)
    assert torch.allclose(turned[..., 3:], expected.imag, atol=1e-12)
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1))
