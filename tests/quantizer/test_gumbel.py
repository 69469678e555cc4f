"""Gumbel-softmax: what is drawn, what is learned, and how the temperature falls."""

from math import exp, log

import pytest
import torch
from vector_quantize_pytorch.vector_quantize_pytorch import gumbel_sample

from kexue_pipe.core.initialise import initialise
from kexue_pipe.quantizer.gumbel import Gumbel

K, D, N = 7, 5, 61


def build(logits="linear", hard=True, start=1.0, end=0.0625, lam=5e-4):
    quantizer = Gumbel(
        K=K, D=D, logits=logits, hard=hard, tau_start=start, tau_end=end, lambda_kl=lam
    ).double()
    initialise(quantizer, 0)
    return quantizer


def latents(n=N):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, D, generator=generator, dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def logits_of(quantizer, z):
    if quantizer.project is not None:
        return z @ quantizer.project.weight.T + quantizer.project.bias
    return -torch.cdist(z, quantizer.codebook).square()


@pytest.mark.parametrize("logits", ["linear", "distance"])
def test_codes_are_drawn_with_the_probabilities_of_the_logits(logits):
    quantizer = build(logits)
    z = latents(1)
    p = logits_of(quantizer, z).softmax(1)[0].detach()
    index = quantizer(z.expand(40_000, -1), draws()).index
    torch.testing.assert_close(index.bincount(minlength=K) / 40_000.0, p.float(), rtol=0, atol=0.01)


@pytest.mark.parametrize("logits", ["linear", "distance"])
def test_evaluation_takes_the_likeliest_row_without_noise(logits):
    quantizer, z = build(logits).eval(), latents()
    out = quantizer(z, draws())
    assert torch.equal(out.index, logits_of(quantizer, z).argmax(1))
    assert torch.equal(out.z_q, quantizer.codebook[out.index])
    assert torch.equal(out.index, quantizer.encode(z))
    assert out.stats == {}


def test_temperature_falls_exponentially_and_draws_no_other_code():
    quantizer, z = build(), latents()
    outs = [quantizer(z, draws(4), progress) for progress in (0.0, 0.5, 1.0)]
    assert [out.stats["temperature"] for out in outs] == pytest.approx([1.0, 0.25, 0.0625])
    assert all(torch.equal(out.index, outs[0].index) for out in outs)
    assert all(tuple(out.stats) == Gumbel.logged for out in outs)


def test_reference_package_draws_other_codes_at_another_temperature():
    # it divides the logits alone by the temperature, l / tau + g, so that tau changes what is drawn
    logits = torch.tensor([[1.0, 0.0]]).expand(20_000, -1)
    share = []
    for tau in (1.0, 0.25):
        torch.manual_seed(0)
        index, _ = gumbel_sample(logits, temperature=tau, stochastic=True)
        share.append((index == 0).float().mean().item())
    assert share[0] == pytest.approx(1 / (1 + exp(-1)), abs=0.02)
    assert share[1] == pytest.approx(1 / (1 + exp(-4)), abs=0.02)


def soft_choice(quantizer, z, seed, tau):
    """Give y by the definition, from the same draws."""
    uniform = torch.rand(len(z), K, generator=draws(seed)).clamp(min=2**-25)
    gumbel = -(-uniform.log()).double().log()
    return ((logits_of(quantizer, z) + gumbel) / tau).softmax(1)


def test_soft_value_is_the_mixture_and_hard_value_is_the_row():
    soft, hard, z = build(hard=False), build(), latents()
    y = soft_choice(soft, z, 2, tau=1.0)
    torch.testing.assert_close(y.sum(1), torch.ones(N, dtype=torch.float64))
    torch.testing.assert_close(soft(z, draws(2), 0.0).z_q, y @ soft.codebook)
    out = hard(z, draws(2), 0.0)
    assert torch.equal(out.z_q, hard.codebook[y.argmax(1)])
    assert torch.equal(out.q, out.z_q) and torch.equal(out.index, y.argmax(1))


def test_low_temperature_makes_the_mixture_hard():
    quantizer, z = build(hard=False, end=1e-4), latents()
    out = quantizer(z, draws(2), 1.0)
    close = (out.z_q - out.q).norm(dim=1) < 1e-6
    assert close.double().mean() > 0.95


@pytest.mark.parametrize("hard", [True, False])
def test_gradients_are_those_of_the_soft_choice(hard):
    # d z_q / d (z, W, b) through y; d z_q / d E through the value
    quantizer, z, w = build(hard=hard, lam=0.0), latents().requires_grad_(), latents()
    (quantizer(z, draws(3), 0.0).z_q * w).sum().backward()
    y = soft_choice(quantizer, z, 3, tau=1.0)
    weight = quantizer.project.weight
    expected = torch.autograd.grad((y @ quantizer.codebook.detach() * w).sum(), [z, weight])
    torch.testing.assert_close([z.grad, weight.grad], list(expected))
    rows = torch.nn.functional.one_hot(y.argmax(1), K).double() if hard else y.detach()
    torch.testing.assert_close(quantizer.codebook.grad, rows.T @ w)


def test_auxiliary_loss_is_the_divergence_from_uniform_use():
    quantizer, z = build(lam=0.3), latents()
    p = logits_of(quantizer, z).softmax(1)
    expected = 0.3 * (p * (p * K).log()).sum(1).mean()
    torch.testing.assert_close(quantizer(z, draws()).aux, expected)
    with torch.no_grad():
        quantizer.project.weight.zero_()
    assert quantizer(z, draws()).aux.item() == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        quantizer.project.weight.zero_()
        quantizer.project.bias[2] = 1e4
    assert quantizer(z, draws()).aux.item() == pytest.approx(0.3 * log(K))


def test_unquantised_value_is_the_mixture_without_noise():
    quantizer, z = build(), latents()
    expected = logits_of(quantizer, z).softmax(1) @ quantizer.codebook
    torch.testing.assert_close(quantizer(z, draws()).z_in, expected)


def test_nearest_row_is_the_likeliest_by_distance():
    quantizer = build("distance")
    assert quantizer.encode(quantizer.decode(torch.arange(K))).tolist() == list(range(K))


def test_unknown_logits_are_named():
    with pytest.raises(ValueError, match="logits=cosine"):
        build("cosine")
