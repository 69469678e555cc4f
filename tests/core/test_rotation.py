"""Rotations: endpoints of the spectrum, the definition by complex numbers, norms."""

import pytest
import torch

from kexue_pipe.core.rotation import frequencies, rotate, spectrum, table, turn


def test_frequencies_run_from_one_to_base_to_the_minus_one_and_two_over_d() -> None:
    theta = frequencies(6, 1000.0)
    assert torch.allclose(theta, torch.tensor([1.0, 0.1, 0.01]).double())


def test_turning_is_multiplication_by_a_unit_complex_number() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 7, 6, generator=generator, dtype=torch.float64)  # (B, T, D)
    pos, theta = torch.arange(7.0) * 1.5, frequencies(6, 50.0)
    turned = turn(x, table(pos, theta, x.dtype))
    angle = pos.double()[:, None] * theta
    expected = torch.complex(x[..., ::2], x[..., 1::2]) * torch.polar(torch.ones_like(angle), angle)
    assert torch.allclose(turned[..., ::2], expected.real, atol=1e-12)
    assert torch.allclose(turned[..., 1::2], expected.imag, atol=1e-12)
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1))


def test_queries_and_keys_turn_by_their_own_positions() -> None:
    q, k = torch.randn(2, 2, 3, 5, 6, generator=torch.Generator().manual_seed(0)).double()
    theta, pos = spectrum(6, 50.0), torch.arange(5.0)
    turned_q, turned_k = rotate(q[:, :, 2:4], k, pos[2:4], pos, theta)
    factors = table(pos, theta, q.dtype)
    assert torch.allclose(turned_q, turn(q, factors)[:, :, 2:4], atol=1e-12)
    assert torch.allclose(turned_k, turn(k, factors), atol=1e-12)


def test_views_turn_wherever_they_stand_in_memory() -> None:
    whole = torch.randn(5, 7, 13, generator=torch.Generator().manual_seed(0))
    factors = table(torch.arange(7.0), frequencies(6, 50.0), whole.dtype)
    for x in (whole[..., 1:7], whole[..., 1::2], whole.transpose(0, 2)[:6].transpose(0, 2)):
        assert torch.allclose(turn(x, factors), turn(x.clone(), factors), atol=1e-6)


def test_gradients_turn_back_and_reach_factors_that_are_learned() -> None:
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theta = frequencies(4, 50.0).requires_grad_()

    def turned(x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        return turn(x, table(torch.arange(3.0), theta, x.dtype))

    x.requires_grad_()
    assert torch.autograd.gradcheck(turned, (x, theta.detach()))
    assert torch.autograd.gradgradcheck(turned, (x, theta.detach()))
    assert torch.autograd.gradcheck(turned, (x, theta))


def test_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="head_width = 7"):
        spectrum(7, 10000.0)
