"""Lookup-free quantisation: signs, the two entropies, and the reference package."""

import pytest
import torch
import vector_quantize_pytorch
from torch.nn import functional as F

from kexue_pipe.quantizer.lfq import LFQ

D, N = 5, 83


def build(bits=D, a=1.0, lam=1e-3, diversity=1.0, commit=0.01, batch="exact"):
    return LFQ(
        bits=bits,
        inv_temperature=a,
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


def test_signs_and_their_index_are_worked_out_by_hand():
    z = torch.tensor([[0.2, -3.0, 0.0, 1e-30, -0.0]])  # the sign of 0 is -1
    out = build()(z, draws())
    assert out.q.tolist() == [[1, -1, -1, 1, -1]] and out.index.tolist() == [18]
    assert build().decode(out.index).tolist() == out.q.tolist()


@pytest.mark.parametrize("bits", [1, 8, 12])
def test_every_code_is_its_own_value(bits):
    quantizer, codes = build(bits), torch.arange(2**bits)
    assert torch.equal(quantizer.encode(quantizer.decode(codes)), codes)


def test_gradient_passes_the_sign_unchanged():
    z, w = latents().requires_grad_(), latents(scale=3.0)
    (build()(z, draws()).z_q * w).sum().backward()
    assert torch.equal(z.grad, w)


def test_soft_assignment_is_that_of_squared_distances():
    # exp(-a |z - c|^2) over the corners, entropies one code at a time
    z, quantizer = latents(), build(a=0.7, lam=1.0, diversity=0.6, commit=0.0)
    corners = quantizer.decode(torch.arange(2**D)).double()
    p = (-0.7 * torch.cdist(z, corners).square()).softmax(1)
    single = -torch.special.xlogy(p, p).sum(1).mean()
    batch = -torch.special.xlogy(p.mean(0), p.mean(0)).sum()
    torch.testing.assert_close(quantizer(z, draws()).aux, single - 0.6 * batch)
    bits = torch.sigmoid(4 * 0.7 * z).mean(0)
    bound = -(torch.special.xlogy(bits, bits) + torch.special.xlogy(1 - bits, 1 - bits)).sum()
    factorised = build(a=0.7, lam=1.0, diversity=0.6, commit=0.0, batch="factorised")
    torch.testing.assert_close(factorised(z, draws()).aux, single - 0.6 * bound)


def test_commitment_is_the_mean_over_all_numbers():
    z = latents().requires_grad_()
    out = build(lam=0.0, commit=0.3)(z, draws())
    out.aux.backward()
    torch.testing.assert_close(out.aux, 0.3 * F.mse_loss(z, out.q))
    torch.testing.assert_close(z.grad, (2 * 0.3 * (z - out.q) / (N * D)).detach())


def test_high_inverse_temperature_has_no_slope_left():
    slopes = []
    for a in (1.0, 100.0):
        z = torch.full((1, D), 0.1, dtype=torch.float64, requires_grad=True)
        build(a=a, lam=1.0, diversity=0.0, commit=0.0)(z, draws()).aux.backward()
        slopes.append(z.grad.abs().max().item())
    assert slopes[0] > 0.3 and slopes[1] < 1e-11


@pytest.mark.parametrize(("lam", "diversity"), [(0.5, 1.0), (0.5, 0.3)])
def test_codes_values_and_entropies_equal_the_reference_package(lam, diversity):
    reference = vector_quantize_pytorch.LFQ(
        codebook_size=2**D,
        dim=D,
        entropy_loss_weight=lam,
        diversity_gamma=diversity,
        commitment_loss_weight=0.25,
    )
    z = latents().float()
    w = torch.randn(z.shape, generator=draws(1))
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    out = build(a=2.0, lam=lam, diversity=diversity, commit=0.25)(ours, draws())
    expected = reference.train()(theirs[None], inv_temperature=2.0)
    assert torch.equal(out.index, expected.indices[0].long())
    torch.testing.assert_close(out.z_q, expected.quantized[0])
    # its logarithm is cut at 1e-5
    torch.testing.assert_close(out.aux, expected.entropy_aux_loss, rtol=0, atol=1e-4)
    ((out.z_q * w).sum() + out.aux).backward()
    ((expected.quantized[0] * w).sum() + expected.entropy_aux_loss).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-4)


def test_reference_package_cuts_its_logarithm():
    # 2^14 codes in even use have p = 6e-5; 2^18 have 4e-6 and it finds a smaller entropy than ours
    from vector_quantize_pytorch.lookup_free_quantization import entropy

    p = torch.full((2**18,), 2.0**-18, dtype=torch.float64)
    assert entropy(p) < 0.93 * 18 * torch.log(torch.tensor(2.0))


def test_training_logs_the_use_of_the_codes():
    z = latents()
    out = build()(z, draws())
    assert tuple(out.stats) == LFQ.logged
    assert out.stats["used"] == len(out.index.unique()) / 2**D
    assert build().eval()(z, draws()).stats == {}
