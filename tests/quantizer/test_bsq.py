"""Binary spherical quantisation: unit values, a bounded error, and the reference package."""

import pytest
import torch
import vector_quantize_pytorch
from torch.nn import functional as F

from kexue_pipe.quantizer.bsq import BSQ
from kexue_pipe.quantizer.lfq import LFQ

D, N = 5, 83


def build(bits=D, tau=None, lam=1e-3, diversity=1.0, commit=0.0, batch="exact"):
    return BSQ(
        bits=bits,
        inv_temperature=tau,
        lambda_entropy=lam,
        gamma_diversity=diversity,
        gamma_commit=commit,
        batch_entropy=batch,
    )


def latents(d=D, n=N, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) * scale


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_values_are_unit_vectors_whatever_the_length_of_the_latent():
    z = latents()
    out = build()(z, draws())
    torch.testing.assert_close(out.q.norm(dim=1), torch.ones(N, dtype=torch.float64))
    torch.testing.assert_close(out.z_in, F.normalize(z, dim=1))
    assert torch.equal(build()(7 * z, draws()).z_q, out.z_q)


@pytest.mark.parametrize("bits", [1, 8, 12])
def test_every_code_is_its_own_value(bits):
    quantizer, codes = build(bits), torch.arange(2**bits)
    assert torch.equal(quantizer.encode(quantizer.decode(codes)), codes)


def test_error_is_bounded_and_the_bound_is_attained_on_an_axis():
    z = torch.cat([latents(n=5000), torch.eye(D, dtype=torch.float64)])
    out = build()(z, draws())
    error = (out.z_in - out.q).square().sum(1)
    torch.testing.assert_close(error, 2 - 2 * out.z_in.abs().sum(1) / D**0.5)
    bound = 2 - 2 / D**0.5
    assert (error < bound + 1e-9).all() and error[-D:].tolist() == pytest.approx([bound] * D)


def test_index_is_that_of_the_signs():
    quantizer = LFQ(
        bits=D,
        inv_temperature=1.0,
        lambda_entropy=0.0,
        gamma_diversity=0.0,
        gamma_commit=0.0,
        batch_entropy="exact",
    )
    assert torch.equal(build().encode(latents()), quantizer.encode(latents()))


def test_gradient_passes_the_sign_and_then_the_division_by_the_length():
    z, w = latents().requires_grad_(), latents(scale=3.0)
    (build()(z, draws()).z_q * w).sum().backward()
    length = z.norm(dim=1, keepdim=True)
    v = z / length
    expected = (w - v * (v * w).sum(1, keepdim=True)) / length
    torch.testing.assert_close(z.grad, expected.detach())


def test_gradient_at_zero_is_that_of_a_division_by_the_smallest_length():
    z = torch.zeros(1, D, requires_grad=True)
    out = build()(z, draws())
    out.z_q.sum().backward()
    assert out.index.tolist() == [0] and (out.z_in == 0).all()
    torch.testing.assert_close(z.grad, torch.full((1, D), 1e6))


@pytest.mark.parametrize("tau", [None, 1.3])
def test_soft_assignment_is_that_of_inner_products(tau):
    z, quantizer = latents(), build(tau=tau, lam=1.0, diversity=0.6)
    corners = quantizer.double().decode(torch.arange(2**D)).double().sign() / D**0.5
    p = ((tau or 2 * D**0.5) * F.normalize(z, dim=1) @ corners.T).softmax(1)
    single = -torch.special.xlogy(p, p).sum(1).mean()
    batch = -torch.special.xlogy(p.mean(0), p.mean(0)).sum()
    torch.testing.assert_close(quantizer(z, draws()).aux, single - 0.6 * batch)


def test_factorised_entropy_of_the_batch_is_larger():
    z = latents()
    exact, factorised = (
        build(lam=1.0, tau=20.0, batch=batch)(z, draws()).aux for batch in ("exact", "factorised")
    )
    assert factorised < exact  # it is subtracted


def test_commitment_is_the_mean_over_all_numbers():
    z = latents()
    out = build(lam=0.0, commit=0.3)(z, draws())
    torch.testing.assert_close(out.aux, 0.3 * F.mse_loss(out.z_in, out.q))
    assert build(lam=0.0)(z, draws()).aux == 0


def test_codes_values_gradients_and_entropies_equal_the_reference_package():
    # its exp(2 a v.c) is ours with tau = 2 a
    reference = vector_quantize_pytorch.LFQ(
        codebook_size=2**D, dim=D, entropy_loss_weight=0.5, spherical=True
    )
    z = latents().float()
    w = torch.randn(z.shape, generator=draws(1))
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    out = build(tau=6.0, lam=0.5)(ours, draws())
    expected = reference.train()(theirs[None], inv_temperature=3.0)
    assert torch.equal(out.index, expected.indices[0].long())
    torch.testing.assert_close(out.z_q, expected.quantized[0])
    torch.testing.assert_close(out.aux, expected.entropy_aux_loss, rtol=0, atol=1e-4)
    ((out.z_q * w).sum() + out.aux).backward()
    ((expected.quantized[0] * w).sum() + expected.entropy_aux_loss).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)


def test_training_logs_the_use_of_the_codes():
    out = build()(latents(), draws())
    assert tuple(out.stats) == BSQ.logged
    assert out.stats["used"] == len(out.index.unique()) / 2**D
    assert build().eval()(latents(), draws()).stats == {}
