"""Quantisation on the sphere: directions only, and the gradient through the normalisation."""

import torch
import vector_quantize_pytorch
from torch.nn import functional as F

from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.vq_cos import CosineVQ

K, D, N = 11, 5, 97


def build(beta=0.7, gamma=0.3, init="normal", restart=0.0):
    quantizer = CosineVQ(
        K=K, D=D, init=init, estimator=STE(), beta_codebook=beta, gamma_commit=gamma,
        restart_threshold=restart, ema_decay=0.9,
    ).double()  # fmt: skip
    quantizer.codebook.initialise(draws(0))
    return quantizer


def latents(seed=1):
    return torch.randn(N, D, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_chosen_row_has_the_greatest_cosine():
    quantizer, z = build(), latents()
    rows = quantizer.codebook.rows
    cosine = torch.stack([F.cosine_similarity(z, row[None]) for row in rows], 1)
    assert torch.equal(quantizer.encode(z), cosine.argmax(1))


def test_length_of_latents_and_rows_does_not_matter():
    quantizer, z = build(), latents()
    out = quantizer(z, draws())
    quantizer.codebook.rows.data *= torch.rand(K, 1, generator=draws()).double() + 0.5
    scaled = quantizer(z * (torch.rand(N, 1, generator=draws(2)).double() * 9 + 1), draws())
    assert torch.equal(scaled.index, out.index)
    torch.testing.assert_close(scaled.q, out.q)
    torch.testing.assert_close(out.q.norm(dim=1), torch.ones(N).double())


def test_gradient_passes_the_normalisation():
    quantizer, z, w = build(0.0, 0.0), latents().requires_grad_(), latents(2)
    (quantizer(z, draws()).z_q * w).sum().backward()
    u = F.normalize(z.detach(), dim=1)
    expected = (w - u * (u * w).sum(1, keepdim=True)) / z.detach().norm(dim=1, keepdim=True)
    torch.testing.assert_close(z.grad, expected)


def test_both_weights_stand_on_their_own_term():
    z = latents().requires_grad_()
    quantizer = build(0.7, 0.0)
    out = quantizer(z, draws())
    out.aux.backward()
    assert (z.grad == 0).all() and quantizer.codebook.rows.grad.abs().sum() > 0
    torch.testing.assert_close(out.aux, 0.7 * (out.q - F.normalize(z, dim=1)).square().mean())
    quantizer = build(0.0, 0.3)
    quantizer(z, draws()).aux.backward()
    assert (quantizer.codebook.rows.grad == 0).all() and z.grad.abs().sum() > 0


def test_rows_start_and_restart_as_directions():
    quantizer, z = build(init="data", restart=0.99), 50 * latents()
    out = quantizer(z, draws(), 0.0)
    assert out.stats["restarts"] > 0
    assert (quantizer.codebook.rows.norm(dim=1) - 1).abs().max() < 0.1


def test_codes_and_commitment_equal_the_reference_package():
    reference = vector_quantize_pytorch.VectorQuantize(
        dim=D, codebook_size=K, use_cosine_sim=True, rotation_trick=False, commitment_weight=0.3
    )
    quantizer, z = build(beta=0.0).float(), latents().float()
    reference.codebook = F.normalize(quantizer.codebook.rows.detach(), dim=1)
    values, index, loss = reference.train()(z[None], freeze_codebook=True)
    out = quantizer(z, draws())
    assert torch.equal(out.index, index[0])
    torch.testing.assert_close(out.q, values[0])
    torch.testing.assert_close(out.aux, loss.squeeze())
