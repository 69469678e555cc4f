"""Vector quantisation: nearest rows, the two auxiliary gradients, and a table from data."""

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.core.straight_through import straight_through
from kexue_pipe.quantizer import vq
from kexue_pipe.quantizer.vq import VQ

K, D, N = 11, 5, 97


def build(init="normal", beta=0.7, gamma=0.3, K=K):
    quantizer = VQ(K=K, D=D, init=init, beta_codebook=beta, gamma_commit=gamma).double()
    quantizer.initialise(torch.Generator().manual_seed(0))
    return quantizer


def latents(seed=1, n=N):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, D, generator=generator, dtype=torch.float64)


def slow_nearest(z, table):
    return torch.tensor([min(range(len(table)), key=lambda j: (r - table[j]).norm()) for r in z])


def test_chosen_row_is_the_nearest():
    quantizer, z = build(), latents()
    assert torch.equal(quantizer.encode(z), slow_nearest(z, quantizer.codebook.detach()))


def test_every_row_has_its_own_code():
    quantizer = build()
    assert torch.equal(quantizer.encode(quantizer.decode(torch.arange(K))), torch.arange(K))


def test_ties_go_to_the_lowest_index():
    quantizer = build()
    with torch.no_grad():
        quantizer.codebook[7] = quantizer.codebook[2]
    assert quantizer.encode(quantizer.codebook.detach()).tolist()[7] == 2


def test_chunks_do_not_change_the_codes(monkeypatch):
    quantizer, z = build(), latents()
    expected = quantizer.encode(z)
    monkeypatch.setattr(vq, "CHUNK", 3 * K)
    assert torch.equal(quantizer.encode(z), expected)


def test_straight_through_has_the_exact_value_of_one_and_the_gradient_of_the_other():
    z = (latents() * 1e8).requires_grad_()
    q = latents(2).requires_grad_()
    out = straight_through(z, q)
    out.sum().backward()
    assert torch.equal(out, q) and (z.grad == 1).all() and q.grad is None


def test_table_learns_from_its_own_term_alone():
    # d aux / d e_k = 2 beta n_k (e_k - mean of its z) / (N D), and 0 for unused rows
    quantizer, z = build(gamma=0.3), latents().requires_grad_()
    out = quantizer(z, torch.Generator())
    (out.aux + out.z_q.sum()).backward()
    table, n = quantizer.codebook, torch.bincount(out.index, minlength=K)
    for k in range(K):
        mean = z.detach()[out.index == k].mean(0) if n[k] else table[k]
        expected = 2 * 0.7 * n[k] * (table[k] - mean) / (N * D)
        torch.testing.assert_close(table.grad[k], expected.detach())


def test_latents_learn_from_the_decoder_and_the_commitment():
    quantizer, z = build(), latents().requires_grad_()
    out = quantizer(z, torch.Generator())
    (out.aux + out.z_q.sum()).backward()
    expected = 1 + 2 * 0.3 * (z - out.q) / (N * D)
    torch.testing.assert_close(z.grad, expected.detach())


def test_data_init_takes_latents_of_the_first_training_batch_once():
    quantizer, z = build("data"), latents()
    quantizer.eval()(z, torch.Generator())
    assert quantizer.waits_for_data
    quantizer.train()(z, torch.Generator().manual_seed(3))
    table = quantizer.codebook.detach().clone()
    distance = torch.cdist(table, z).min(1)
    assert (distance.values < 6 * vq.DATA_NOISE * D**0.5).all()
    assert len(distance.indices.unique()) == K
    quantizer(latents(4), torch.Generator())
    assert torch.equal(quantizer.codebook, table)


def test_data_init_repeats_latents_of_a_batch_that_is_too_small():
    quantizer, z = build("data"), latents(n=3)
    quantizer(z, torch.Generator())
    nearest = torch.cdist(quantizer.codebook.detach(), z).argmin(1)
    assert nearest.bincount().tolist() == [4, 4, 3] or sorted(nearest.bincount()) == [3, 4, 4]
    assert len(quantizer.codebook.unique(dim=0)) == K


def test_init_sets_the_length_of_the_rows():
    uniform = build("uniform").codebook
    assert uniform.abs().max() <= 1 / K and uniform.abs().max() > 0.8 / K
    norms = build("normal", K=4001).codebook.square().sum(1)
    torch.testing.assert_close(norms.mean().item(), 1.0, rtol=0.05, atol=0)


def test_unknown_init_is_named():
    with pytest.raises(ValueError, match="init=kmeans"):
        build("kmeans")


def test_codes_and_commitment_equal_the_reference_package():
    reference = vector_quantize_pytorch.VectorQuantize(
        dim=D, codebook_size=K, rotation_trick=False, commitment_weight=0.3
    )
    quantizer, z = build(beta=0.0).float(), latents().float()
    reference.codebook = quantizer.codebook.detach().clone()
    reference.eval()
    values, index, _ = reference(z[None])
    out = quantizer(z, torch.Generator())
    assert torch.equal(out.index, index[0])
    assert torch.equal(out.q, values[0])
    _, _, loss = reference.train()(z[None], freeze_codebook=True)
    torch.testing.assert_close(out.aux, loss.squeeze())
