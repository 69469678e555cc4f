"""Moving averages: the formula, its limits, its place after the step, and restarts."""

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.vq_ema import VQEMA

K, D, N, EPS = 11, 5, 97, 1e-5


def build(decay=0.9, init="normal", K=K, D=D, restart=0.0, eps=EPS):
    quantizer = VQEMA(
        K=K, D=D, init=init, estimator=STE(), gamma_commit=0.3, ema_decay=decay, ema_eps=eps,
        restart_threshold=restart,
    ).double()  # fmt: skip
    quantizer.codebook.initialise(draws(0))
    return quantizer


def latents(seed=1, n=N, d=D):
    return torch.randn(n, d, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_three_steps_equal_the_formula_with_stored_sums():
    quantizer = build()
    rows, counts = quantizer.codebook.rows.clone(), torch.ones(K).double()
    sums = rows.clone()
    for step in range(3):
        z = latents(step)
        one_hot = torch.nn.functional.one_hot(torch.cdist(z, rows).argmin(1), K).double()
        counts = 0.9 * counts + 0.1 * one_hot.sum(0)
        sums = 0.9 * sums + 0.1 * one_hot.T @ z
        smooth = (counts + EPS) / (counts.sum() + K * EPS) * counts.sum()
        rows = sums / smooth[:, None]
        quantizer(z, draws())
    torch.testing.assert_close(quantizer.codebook.rows, rows)
    torch.testing.assert_close(quantizer.codebook.counts, counts)


def test_table_equals_the_reference_package_after_five_steps():
    reference = vector_quantize_pytorch.VectorQuantize(
        dim=D, codebook_size=K, decay=0.9, eps=EPS, commitment_weight=0.3, rotation_trick=False
    )
    quantizer = build().float()
    reference.codebook = quantizer.codebook.rows.clone()
    reference._codebook.embed_avg.copy_(reference._codebook.embed)
    for step in range(5):
        z = latents(step).float()
        out = quantizer(z, draws())
        values, index, loss = reference(z[None])
        assert torch.equal(out.index, index[0])
        torch.testing.assert_close(out.q, values[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(out.aux, loss.squeeze())
    torch.testing.assert_close(quantizer.codebook.rows, reference.codebook, rtol=1e-5, atol=1e-6)


def test_fixed_latents_end_at_the_means_of_their_codes_at_once_without_memory():
    z = torch.cat([latents(n=40) + 9, latents(2, 57) - 9])
    for decay, steps in ((0.0, 1), (0.9, 300)):
        quantizer = build(decay, K=2, eps=1e-12)
        quantizer.codebook.rows.copy_(torch.stack([z[0], z[-1]]))
        for _ in range(steps):
            quantizer(z, draws())
        expected = torch.stack([z[:40].mean(0), z[40:].mean(0)])
        torch.testing.assert_close(quantizer.codebook.rows, expected)


def test_one_latent_moves_its_row_as_gradient_descent_would():
    quantizer, z = build(K=2, eps=1e-12), latents(n=1)
    e = quantizer.decode(quantizer.encode(z))
    index = quantizer(z, draws()).index
    # e - eta d|e - z|^2 / de with eta = (1 - rho) / 2
    torch.testing.assert_close(quantizer.decode(index), e - 0.05 * 2 * (e - z))


def test_loss_is_that_of_the_table_before_the_step():
    quantizer, z = build(), latents().requires_grad_()
    before = quantizer.eval()(z, draws())
    out = quantizer.train()(z, draws())
    assert torch.equal(out.aux, before.aux) and torch.equal(out.q, before.q)
    (out.aux + out.z_q.sum()).backward()
    expected = 1 + 2 * 0.3 * (z - before.q) / (N * D)
    torch.testing.assert_close(z.grad, expected.detach())


def test_no_optimizer_owns_the_table_and_evaluation_leaves_it():
    quantizer = build(restart=0.99)
    assert [*quantizer.parameters()] == []
    quantizer(latents(), draws(), 0.0)
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    quantizer.eval()(latents(2), draws(), 0.0)
    assert all(torch.equal(v, before[k]) for k, v in quantizer.state_dict().items())


def test_restarted_row_keeps_its_latent_in_the_next_average():
    quantizer, z = build(restart=0.99, eps=1e-12), latents()
    quantizer(z, draws(), 0.0)
    fresh = (quantizer.codebook.counts == N / K).nonzero()[0, 0]
    e = quantizer.codebook.rows[fresh].clone()
    far = torch.full((1, D), 99.0, dtype=torch.float64)
    assert (e == z).all(1).any() and quantizer.encode(far) != fresh
    quantizer(far, draws(), 1.0)  # others' latents: N_k and A_k shrink alike
    torch.testing.assert_close(quantizer.codebook.rows[fresh], e)


def test_all_randomness_is_the_generators():
    tables = []
    for seed in (0, 0, 1):
        quantizer = build(init="data", restart=0.99)
        torch.manual_seed(len(tables))
        for step in range(3):
            quantizer(latents(step), draws(seed), 0.0)
        tables.append(quantizer.codebook.rows)
    assert torch.equal(tables[0], tables[1]) and not torch.equal(tables[0], tables[2])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_sixteen_gaussians_are_found(seed):
    grid = torch.cartesian_prod(*[torch.arange(4.0).double()] * 2)
    quantizer, noise = build(0.97, "data", K=16, D=2, restart=0.75), 0.05
    for step in range(400):
        generator = draws(seed * 1000 + step)
        owner = torch.randint(16, (256,), generator=generator)
        eps = torch.randn(256, 2, generator=generator, dtype=torch.float64)
        out = quantizer(grid[owner] + noise * eps, generator, step / 400)
    assert out.stats["used"] == 1.0 and out.stats["restarts"] == 0
    floor = noise**2
    eps = latents(3, 4096, 2)
    z = grid.repeat(256, 1) + noise * eps
    error = (z - quantizer.eval()(z, draws()).q).square().mean().item()
    assert error == pytest.approx(floor * eps.square().mean().item(), rel=0.05)
