"""Uniform noise: its width, its exact gradient, and rounding as in a symmetric FSQ."""

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.fsq import FSQ
from kexue_pipe.quantizer.noise import UniformNoise


def build(levels=(8, 6, 5), share=1.0, K=256):
    return UniformNoise(K=K, levels=list(levels) if levels else None, share=share)


def symmetric_fsq(mode):
    return FSQ(K=256, levels=[8, 6, 5], bound="symmetric", mode=mode, eta=0.0)


def latents(d=3, n=20_000, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) * scale


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_fills_one_level_and_ignores_the_latent():
    levels = torch.tensor([8.0, 6, 5], dtype=torch.float64)
    out = build()(latents(), draws())
    noise = (out.z_q - out.z_in) * (levels - 1) / 2  # in levels
    assert noise.abs().max() <= 0.5 + 1e-9
    assert noise.mean().abs() < 0.01
    torch.testing.assert_close(noise.var(0), torch.full_like(levels, 1 / 12), rtol=0.03, atol=0)
    assert abs(torch.corrcoef(torch.stack([noise[:, 0], out.z_in[:, 0]]))[0, 1]) < 0.03


def test_noise_and_rounding_have_the_same_error():
    # 1 / 12 of a squared level each, for a density that is smooth over one level
    out = build([64, 64])(latents(2, scale=0.4), draws())
    error = ((out.q - out.z_in) * 63 / 2).square().mean().item()
    assert error == pytest.approx(1 / 12, rel=0.02)


def test_gradient_is_the_slope_of_the_noisy_map():
    z, w = latents(n=50).requires_grad_(), latents(n=50, scale=2.0)
    (build()(z, draws()).z_q * w).sum().backward()
    torch.testing.assert_close(z.grad, (w * (1 - torch.tanh(z) ** 2)).detach())
    z = latents(n=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: build()(x, draws(1)).z_q, z)


def test_evaluation_is_a_symmetric_fsq_and_training_its_noise():
    z = latents()
    ours, theirs = build(), symmetric_fsq("noise")
    torch.testing.assert_close(ours(z, draws(3)).z_q, theirs(z, draws(3)).z_q)
    ours.eval(), theirs.eval()
    one, two = ours(z, draws()), theirs(z, draws())
    assert torch.equal(one.index, two.index)
    torch.testing.assert_close(one.z_q, two.z_q)
    torch.testing.assert_close(one.z_in, two.z_in)


def test_share_mixes_noise_with_straight_through_rounding():
    z = latents()
    none, half = (build(share=share)(z, draws()) for share in (0.0, 0.5))
    torch.testing.assert_close(none.z_q, symmetric_fsq("ste")(z, draws()).z_q)
    rounded = half.z_q == half.q
    assert rounded.double().mean().item() == pytest.approx(0.5, abs=0.01)
    assert (rounded.any(1) & ~rounded.all(1)).any()  # drawn for each coordinate alone


@pytest.mark.parametrize("L", [2, 3, 5, 8])
def test_every_level_is_reached_in_order(L):
    z = torch.linspace(-12, 12, 4001)[:, None]
    quantizer = build([L]).eval()
    out = quantizer(z, draws())
    assert out.index.unique().tolist() == list(range(L)) and (out.index.diff() >= 0).all()
    assert torch.equal(quantizer.decode(out.index), out.q)
    assert quantizer.decode(torch.tensor([0, L - 1])).flatten().tolist() == [-1.0, 1.0]


def test_every_code_is_its_own_value():
    quantizer = build()
    z = torch.atanh(quantizer.decode(torch.arange(240)).double().clamp(-0.999, 0.999))
    assert torch.equal(quantizer.encode(z), torch.arange(240))


def test_wanted_number_of_codes_gives_the_advised_levels():
    assert build(None, K=1024).digits == (8, 5, 5, 5)


def test_training_logs_the_use_of_the_hard_codes():
    z = latents(n=1000)
    out = build()(z, draws())
    assert tuple(out.stats) == UniformNoise.logged
    assert out.stats["used"] == len(build().encode(z).unique()) / 240
    assert build().eval()(z, draws()).stats == {}


def test_reference_package_adds_other_noise_to_half_of_the_coordinates():
    # It adds U(-1/2, 1/2) to the rounded value in [-1, 1], which is 3.5 levels of 8 instead of 1/2
    # to either side, and `bernoulli_()` takes 1/2 whatever share is asked for.
    reference = vector_quantize_pytorch.FSQ([8], preserve_symmetry=True, noise_dropout=1.0)
    z = torch.zeros(4000, 1)
    torch.manual_seed(0)
    theirs = (reference.train()(z[None])[0][0] - reference.eval()(z[None])[0][0]) * 3.5
    ours = build([8])(z, draws())
    ours = (ours.z_q - ours.z_in) * 3.5
    assert (theirs == 0).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert theirs.abs().max().item() == pytest.approx(1.75, abs=0.01)
    assert (ours == 0).float().mean() < 0.01
    assert ours.abs().max().item() == pytest.approx(0.5, abs=0.01)
