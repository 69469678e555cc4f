"""Vector quantisation: nearest rows, the two auxiliary gradients, and collapse."""

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.estimator.diveq import DiVeQ
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.vq import VQ

K, D, N = 11, 5, 97


def build(init="normal", beta=0.7, gamma=0.3, K=K, D=D, estimator=None, restart=0.0):
    quantizer = VQ(
        K=K, D=D, init=init, estimator=estimator or STE(), beta_codebook=beta, gamma_commit=gamma,
        restart_threshold=restart, ema_decay=0.9,
    ).double()  # fmt: skip
    quantizer.codebook.initialise(draws(0))
    return quantizer


def latents(seed=1, n=N):
    return torch.randn(n, D, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_chosen_row_is_the_nearest():
    quantizer, z = build(), latents()
    rows = quantizer.codebook.rows.detach()
    slow = [min(range(K), key=lambda j: (v - rows[j]).norm()) for v in z]
    assert quantizer.encode(z).tolist() == slow


def test_every_row_has_its_own_code():
    quantizer = build()
    assert torch.equal(quantizer.encode(quantizer.decode(torch.arange(K))), torch.arange(K))


def test_table_learns_from_its_own_term_alone():
    # d aux / d e_k = 2 beta n_k (e_k - mean of its z) / (N D), and 0 for unused rows
    quantizer, z = build(), latents().requires_grad_()
    quantizer.codebook.rows.data[3] += 99.0
    out = quantizer(z, draws())
    (out.aux + out.z_q.sum()).backward()
    rows, n = quantizer.codebook.rows, torch.bincount(out.index, minlength=K)
    assert n[3] == 0
    for k in range(K):
        mean = z.detach()[out.index == k].mean(0) if n[k] else rows[k]
        expected = 2 * 0.7 * n[k] * (rows[k] - mean) / (N * D)
        torch.testing.assert_close(rows.grad[k], expected.detach())


def test_latents_learn_from_the_decoder_and_the_commitment():
    quantizer, z = build(), latents().requires_grad_()
    out = quantizer(z, draws())
    (out.aux + out.z_q.sum()).backward()
    expected = 1 + 2 * 0.3 * (z - out.q) / (N * D)
    torch.testing.assert_close(z.grad, expected.detach())


def test_data_init_waits_for_training():
    quantizer = build("data")
    before = quantizer.codebook.rows.detach().clone()
    quantizer.eval()(latents(), draws())
    assert torch.equal(quantizer.codebook.rows, before)
    quantizer.train()(latents(), draws())
    assert not torch.equal(quantizer.codebook.rows, before)


def test_restarts_come_after_the_step_and_leave_its_loss_alone():
    z = latents()
    plain, restarted = build(), build(restart=0.99)
    one, two = plain(z, draws(), 0.0), restarted(z, draws(), 0.0)
    two.aux.backward()  # rows that changed in place are in no saved tensor
    assert torch.equal(one.aux, two.aux) and torch.equal(one.q, two.q)
    assert set(two.stats) == set(restarted.logged) and two.stats["restarts"] > 0
    assert set(one.stats) == set(plain.logged)


def test_evaluation_counts_nothing():
    quantizer = build(restart=0.99).eval()
    out = quantizer(latents(), draws(), 0.0)
    assert out.stats == {} and (quantizer.codebook.counts == 1).all()


def test_an_estimator_that_moves_rows_needs_no_auxiliary_loss():
    quantizer, z = build(estimator=DiVeQ(sigma2=0.0)), latents().requires_grad_()
    out = quantizer(z, draws())
    w = latents(3)
    (out.z_q * w).sum().backward()
    assert out.aux == 0
    total = quantizer.codebook.rows.grad.sum(0) + z.grad.sum(0)
    torch.testing.assert_close(total, w.sum(0))


def test_a_far_table_collapses_and_one_from_data_does_not():
    centres = 20 * torch.randn(16, D, generator=draws(2), dtype=torch.float64)
    z = centres.repeat(32, 1) + 0.1 * latents(3, 512)
    used = {}
    for init in ("normal", "kmeans"):
        quantizer = build(init, 1.0, 0.25, K=16)
        optimizer = torch.optim.SGD(quantizer.parameters(), lr=5.0)
        for step in range(100):
            optimizer.zero_grad()
            out = quantizer(z, draws(step))
            out.aux.backward()
            optimizer.step()
        used[init] = out.stats["used"]
    assert used["normal"] < 0.5 < used["kmeans"]


def test_codes_and_commitment_equal_the_reference_package():
    # its defaults differ: rotation, moving averages, commitment weight 1
    reference = vector_quantize_pytorch.VectorQuantize(
        dim=D, codebook_size=K, rotation_trick=False, commitment_weight=0.3
    )
    quantizer, z = build(beta=0.0).float(), latents().float()
    reference.codebook = quantizer.codebook.rows.detach().clone()
    reference.eval()
    values, index, _ = reference(z[None])
    out = quantizer(z, draws())
    assert torch.equal(out.index, index[0]) and torch.equal(out.q, values[0])
    _, _, loss = reference.train()(z[None], freeze_codebook=True)
    torch.testing.assert_close(out.aux, loss.squeeze())


def test_unknown_init_is_named():
    with pytest.raises(ValueError, match="init=zeros"):
        build("zeros")
