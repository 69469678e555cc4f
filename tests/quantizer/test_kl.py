"""The Gaussian bottleneck: its divergence in closed form, per pixel, and reparametrised samples."""

from math import prod

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from kexue_pipe.quantizer.kl import HIGH, LOW, GaussianKL

D, N = 3, 41


def build(beta=0.01, pixels=16):
    return GaussianKL(D=D, beta_kl=beta, pixels_per_token=pixels)


def latents(n=N):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 2 * D, generator=generator, dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussians(z):
    return Normal(z[:, :D], (z[:, D:] / 2).exp())


def test_divergence_is_that_of_torch_distributions():
    z = latents()
    expected = kl_divergence(gaussians(z), Normal(0.0, 1.0)).sum(1).mean()
    out = build()(z, draws())
    assert out.stats == {"kl": pytest.approx(expected.item(), rel=1e-12)}
    torch.testing.assert_close(out.aux, 0.01 * expected / 16)


def test_divergence_is_the_mean_log_ratio_of_samples():
    z = latents(1)
    quantizer = build()
    samples = quantizer(z.expand(400_000, -1), draws()).z_q
    ratio = gaussians(z).log_prob(samples) - Normal(0.0, 1.0).log_prob(samples)
    assert ratio.sum(1).mean().item() == pytest.approx(quantizer(z, draws()).stats["kl"], rel=0.01)


def test_loss_is_per_pixel_of_all_pictures():
    # 2 pictures of 8 x 8 pixels, tokens of 2 x 2: sum over tokens / all pixels
    z, shape = latents(2 * 4 * 4), (2, 1, 8, 8)
    total = kl_divergence(gaussians(z), Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(build(0.5, 4)(z, draws()).aux, 0.5 * total / prod(shape))


def test_samples_have_the_moments_and_the_pathwise_gradient():
    z = latents(1).expand(200_000, -1)
    samples = build()(z, draws()).z_q
    torch.testing.assert_close(samples.mean(0), z[0, :D], rtol=0, atol=0.02)
    torch.testing.assert_close(samples.var(0), z[0, D:].exp(), rtol=0.02, atol=0)
    assert torch.autograd.gradcheck(lambda x: build()(x, draws(1)).z_q, latents(2).requires_grad_())


def test_evaluation_is_the_mean_and_still_says_the_rate():
    z = latents()
    out = build().eval()(z, draws())
    assert torch.equal(out.z_q, z[:, :D]) and torch.equal(out.q, out.z_q)
    assert out.stats == build()(z, draws()).stats and GaussianKL.logged == ("kl",)


def test_the_sample_of_evaluation_is_that_of_training():
    quantizer = build()
    assert (quantizer.dim_in, quantizer.dim) == (2 * D, D)
    trained = quantizer(latents(), draws(3))
    evaluated = quantizer.eval()(latents(), draws(3))
    assert torch.equal(trained.z_q, trained.sample)
    assert torch.equal(evaluated.sample, trained.sample)
    assert not torch.equal(evaluated.z_q, evaluated.sample)


def test_log_variance_is_cut():
    z = torch.zeros(2, 2 * D, dtype=torch.float64)
    z[0, D:], z[1, D:] = -1e4, 1e4
    expected = sum(torch.tensor(s).exp().item() - 1 - s for s in (LOW, HIGH)) * D / 4
    assert build()(z, draws()).stats["kl"] == pytest.approx(expected, rel=1e-6)


def test_prior_costs_nothing_and_there_is_no_code():
    quantizer = build()
    assert quantizer(torch.zeros(N, 2 * D), draws()).aux == 0
    assert (quantizer.num_codes, quantizer.digits) == (0, ())


def test_distance_of_the_means_costs_its_half_square():
    z = torch.zeros(1, 2 * D, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        z[0, 0] = 3.0
    out = build(1.0, 1)(z, draws())
    out.aux.backward()
    assert out.aux.item() == pytest.approx(4.5)
    assert z.grad[0].tolist() == pytest.approx([3.0] + [0.0] * 5)
