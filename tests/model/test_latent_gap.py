"""Errors of latents, and the gradient of an estimator against that without a quantizer."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.autoencoder import Autoencoder
from kexue_pipe.model.latent_gap import latent_gap
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.fsq import FSQ
from kexue_pipe.quantizer.none import NoQuantizer
from kexue_pipe.quantizer.vq_ema import VQEMA

QUANTIZERS = {
    "none": partial(NoQuantizer, D=5),
    "fsq": partial(FSQ, K=256, levels=[5, 3], bound="tanh", mode="ste", eta=1e-3),
    "vq_ema": partial(
        VQEMA, K=13, D=5, init="normal", estimator=STE(), gamma_commit=0.25, ema_decay=0.9,
        ema_eps=1e-5, restart_threshold=0.1,
    ),
}  # fmt: skip


def build(name):
    task = SimpleNamespace(token_size=4)
    model = Autoencoder(task=task, quantizer=QUANTIZERS[name], channels=16, num_blocks=1)
    initialise(model, 0)
    return model.eval()


def pictures():
    return torch.rand(3, 1, 8, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_without_a_quantizer_there_is_no_gap():
    gap = latent_gap(build("none"), pictures())
    assert gap["error"] == gap["gradient_gap"] == 0
    assert gap["gradient_cosine"] == pytest.approx(gap["n_tokens"]) == 18


def test_errors_and_gradients_are_those_of_their_definition():
    model, x = build("vq_ema"), pictures()
    gap = latent_gap(model, x)
    z = model.encode(x).detach()
    q = model.quantizer(z, torch.Generator()).q
    free, hard = (v.clone().requires_grad_() for v in (z, q))
    for v in (free, hard):
        (model.decode(v, x) - x).square().mean().backward()
    g_0, g = free.grad, hard.grad  # straight-through: what reaches q reaches z
    expected = {
        "n_tokens": 18,
        "error": ((z - q) ** 2).sum().item(),
        "spread": ((z - z.mean(0)) ** 2).sum().item(),
        "gradient_cosine": ((g * g_0).sum(1) / g.norm(dim=1) / g_0.norm(dim=1)).sum().item(),
        "gradient_gap": ((g - g_0) ** 2).sum().item(),
        "gradient": (g_0**2).sum().item(),
    }
    assert gap == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_model_stays_as_it_is_and_the_answer_too(name):
    model = build(name)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.no_grad():
        assert latent_gap(model, pictures()) == latent_gap(model, pictures())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not model.quantizer.training and all(p.grad is None for p in model.parameters())
