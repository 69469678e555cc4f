"""A frozen table times a trained matrix: its table, its loss, and that all rows move."""

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.simvq import SimVQ

K, D, N = 11, 5, 97


def build(beta=1.0, gamma=0.25, train_codes=False, diag=False, K=K):
    quantizer = SimVQ(
        K=K, D=D, estimator=STE(), beta_codebook=beta, gamma_commit=gamma,
        train_codes=train_codes, diag=diag,
    ).double()  # fmt: skip
    quantizer.initialise(draws(0))
    return quantizer


def latents(seed=1):
    return torch.randn(N, D, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_codes_start_with_unit_mean_square_length_and_the_matrix_like_a_linear_layer():
    quantizer = build(K=4001)
    assert quantizer.codes.square().sum(1).mean().item() == pytest.approx(1.0, rel=0.05)
    assert 0.8 * D**-0.5 < quantizer.weight.abs().max() <= D**-0.5
    assert (build(diag=True).weight == 1).all()


def test_identity_matrix_is_the_nearest_row_of_the_frozen_table():
    quantizer, z = build(), latents()
    quantizer.weight.data.copy_(torch.eye(D))
    out = quantizer(z, draws())
    assert torch.equal(out.index, torch.cdist(z, quantizer.codes).argmin(1))
    torch.testing.assert_close(out.q, quantizer.codes[out.index])


@pytest.mark.parametrize("diag", [False, True])
def test_one_step_moves_every_row_and_no_code(diag):
    quantizer = build(diag=diag)
    before, codes = quantizer.decode(torch.arange(K)).detach(), quantizer.codes.clone()
    quantizer(latents(), draws()).aux.backward()
    assert [name for name, _ in quantizer.named_parameters()] == ["weight"]
    quantizer.weight.data -= 0.1 * quantizer.weight.grad
    assert (quantizer.decode(torch.arange(K)) != before).any(1).all()
    assert torch.equal(quantizer.codes, codes)


def test_trained_codes_are_a_parameter_with_a_gradient_on_used_rows():
    quantizer = build(train_codes=True)
    out = quantizer(latents(), draws())
    out.aux.backward()
    used = torch.bincount(out.index, minlength=K) > 0
    assert torch.equal(quantizer.codes.grad.abs().sum(1) > 0, used)


def test_diagonal_scales_the_coordinates():
    quantizer = build(diag=True)
    quantizer.weight.data.copy_(torch.arange(1.0, D + 1))
    expected = quantizer.codes @ torch.diag(quantizer.weight)
    torch.testing.assert_close(quantizer.decode(torch.arange(K)), expected)


def test_each_weight_stands_on_its_own_term():
    quantizer, z = build(0.7, 0.3), latents().requires_grad_()
    out = quantizer(z, draws())
    (out.aux + out.z_q.sum()).backward()
    torch.testing.assert_close(out.aux, (0.7 + 0.3) * (z - out.q).square().mean())
    expected = 1 + 2 * 0.3 * (z - out.q) / (N * D)
    torch.testing.assert_close(z.grad, expected.detach())
    error = 2 * 0.7 * (out.q - z.detach()) / (N * D)
    torch.testing.assert_close(quantizer.weight.grad, quantizer.codes[out.index].T @ error)


def test_codes_values_loss_and_gradients_equal_the_reference_package():
    reference = vector_quantize_pytorch.SimVQ(D, K, rotation_trick=False)
    quantizer, z = build().float(), latents().float()
    reference.frozen_codebook.copy_(quantizer.codes)
    reference.code_transform.weight.data.copy_(quantizer.weight.T)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    out = quantizer(ours, draws())
    values, index, loss = reference(theirs[None])
    (out.z_q.square().sum() + out.aux).backward()
    (values.square().sum() + loss).backward()
    assert torch.equal(out.index, index[0])
    torch.testing.assert_close(out.z_q, values[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(out.aux, loss)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(quantizer.weight.grad, reference.code_transform.weight.grad.T)
