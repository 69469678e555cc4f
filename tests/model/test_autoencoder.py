"""The autoencoder: its tokens, its loss, its costs, and that it learns."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from kexue_pipe.core.contracts import Batch
from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.autoencoder import Autoencoder
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.fsq import FSQ
from kexue_pipe.quantizer.none import NoQuantizer
from kexue_pipe.quantizer.vq import VQ

LEARNING = {
    "estimator": STE(),
    "beta_codebook": 1.0,
    "gamma_commit": 0.25,
    "restart_threshold": 0.0,
    "ema_decay": 0.97,
}
QUANTIZERS = {
    "none": partial(NoQuantizer, D=5),
    "vq": partial(VQ, K=13, D=5, init="data", **LEARNING),
    "fsq": partial(FSQ, K=256, levels=[5, 3], bound="tanh", mode="ste", eta=1e-3),
}


def build(quantizer="none", channels=16, num_blocks=1, p=4):
    task = SimpleNamespace(token_size=p)
    model = Autoencoder(
        task=task, quantizer=QUANTIZERS[quantizer], channels=channels, num_blocks=num_blocks
    )
    initialise(model, 0)
    return model


def pictures(n=3, h=12, w=20) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, 1, h // 4, w // 4, generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (h, w), mode="bilinear")


def draws():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_gradient_reaches_every_parameter(quantizer):
    model = build(quantizer)
    x = pictures()
    model.loss(Batch(x, x), draws()).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_tokens_are_the_encoder_cells_row_by_row():
    model, x = build(), pictures()
    cells = model.encoder(x)  # (B, D, h / p, w / p)
    out = model.quantise(x, draws())
    expected = [cells[b, :, i, j] for b in range(3) for i in range(3) for j in range(5)]
    assert torch.equal(out.z_q, torch.stack(expected))
    torch.testing.assert_close(model.decode(out.z_q, x), model.decoder(cells))


def test_loss_is_the_mean_squared_error_and_the_auxiliary_loss():
    model, x = build("vq"), pictures()
    model.loss(Batch(x, x), draws())  # the table is taken from the data
    model.quantizer.gamma_commit = 3.0
    out = model.quantise(x, draws())
    y = model.decode(out.z_q, x)
    expected = ((x - y) ** 2).mean() + out.aux
    loss = model.loss(Batch(x, x), draws())
    torch.testing.assert_close(loss.loss, expected)
    assert out.aux > 0 and loss.accuracy is None


def test_auxiliary_loss_and_norms_are_logged_beside_what_the_quantizer_logs():
    model, x = build("vq"), pictures()
    model.loss(Batch(x, x), draws())  # the table is taken from the data
    out = model.quantise(x, draws())
    stats = model.loss(Batch(x, x), draws()).stats
    assert set(stats) == set(model.logged) > {"dead", "restarts"}
    lengths = [(v**2).sum(1).sqrt().mean().item() for v in (out.z_in, out.q)]
    assert [stats["latent_norm"], stats["code_norm"]] == pytest.approx(lengths)
    assert 0 < stats["aux"] == pytest.approx(out.aux.item())


@pytest.mark.parametrize(("p", "h", "w"), [(4, 4, 4), (4, 36, 8), (2, 6, 10)])
def test_pictures_of_any_size_keep_it(p, h, w):
    model = build("fsq", p=p)
    x = torch.rand(2, 1, h, w)
    out = model.quantise(x, draws())
    assert out.index.shape == (2 * (h // p) * (w // p),)
    assert model.decode(out.z_q, x).shape == x.shape


def test_pictures_of_a_batch_do_not_see_each_other():
    model, x = build("fsq").eval(), pictures()
    with torch.no_grad():
        together = model.quantise(x, draws()).index
        alone = torch.cat([model.quantise(x[i : i + 1], draws()).index for i in range(3)])
    assert torch.equal(together, alone)


def test_costs_are_those_of_the_layers():
    # encoder: 16 -> c, per block 3x3 c c + c c, c -> D; decoder: D -> c, blocks, c -> 16; table K D
    c, D, K, n = 16, 5, 13, 2
    weights = 2 * (16 * c + n * (9 * c * c + c * c) + c * D) + K * D
    biases = (c + n * 2 * c + D) + (c + n * 2 * c + 16)
    norms = 2 * 2 * c * (n + 1)
    costs = build("vq", channels=c, num_blocks=n).costs()
    assert costs["flops_per_token"] == 2 * weights
    assert costs["parameters"] == weights + biases + norms
    assert costs["cache_elements_per_token"] == costs["state_elements"] == 0


def test_default_size_has_the_published_number_of_parameters():
    model = build(channels=64, num_blocks=2)
    assert model.costs()["parameters"] == pytest.approx(169_000, rel=0.02)


def test_loss_falls_by_half_in_200_steps():
    model, x = build("fsq"), pictures(32, 16, 16)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(200):
        loss = model.loss(Batch(x, x), draws()).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
