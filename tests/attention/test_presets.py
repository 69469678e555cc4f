"""Presets: linear ones, from raw weights, against what their papers print; and their sizes."""

import pytest
import torch
from hydra.utils import instantiate
from torch import outer
from torch.nn.functional import elu, softplus

from kexue_pipe.core.contracts import Position
from kexue_pipe.graph.compose import apply, resolve
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import component
from kexue_pipe.graph.request import parse
from tests.contract.decoders import small_decoder

T, H, D = 21, 4, 16  # as at size=smoke


def retnet(state, k, v, x, h, own):
    return (1 - 2.0 ** (-5 - h)) * state + outer(k, v)


def gla(state, k, v, x, h, own):
    gate = own.decay.up.weight.view(H, D, -1)[h] @ own.decay.down.weight @ x + own.decay.offset[h]
    return gate.sigmoid().pow(1 / 16)[:, None] * state + outer(k, v)


def _step_and_decay(x, h, decay):
    step = softplus(decay.gate.weight[h] @ x + decay.offset[h])
    return step, (-decay.log_rate[h].exp() * step).exp()


def ssd(state, k, v, x, h, own):
    step, decay = _step_and_decay(x, h, own.decay)
    return decay * state + step * outer(k, v)


def deltanet(state, k, v, x, h, own):
    beta = (own.update.gate.weight[h] @ x).sigmoid()
    return (torch.eye(D) - beta * outer(k, k)) @ state + beta * outer(k, v)


def gated_deltanet(state, k, v, x, h, own):
    _, decay = _step_and_decay(x, h, own.decay)
    return deltanet(decay * state, k, v, x, h, own)


KERNELS = {  # what stands in the place of exp(q.k / sqrt(D)), of (T, D) and (T, D)
    "linear": lambda q, k: (elu(q) + 1) @ (elu(k) + 1).T,
    "based": lambda q, k: 1 + q @ k.T / D**0.5 + (q @ k.T) ** 2 / D / 2,
}


def build(name):
    nodes = resolve(apply(parse([f"attention={name}", "task=text", "size=smoke"])))
    attention = instantiate(component(nodes["attention"])).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)
    x = torch.randn(T, attention.layout.qkv.in_features, generator=generator, dtype=torch.float64)
    q, k, v = (attention.layout.qkv.weight @ x.T).view(3, H, D, T).mT  # (H, T, D) each
    with torch.no_grad():
        return attention, x, q, k, v, attention(x[None], torch.arange(float(T)), Position())[0]


@pytest.mark.parametrize("write", [retnet, gla, ssd, deltanet, gated_deltanet])
def test_states_are_those_of_the_paper(write):
    attention, x, q, k, v, found = build(write.__name__)
    if "delta" in write.__name__:  # 1e-6 is that of the scaled squares, and keeps zeros
        q, k = (t / (t.square().sum(-1, keepdim=True) + 1e-6 * D**0.5).sqrt() for t in (q, k))
    else:
        q = q / D**0.5
    mixed = torch.zeros(H, T, D, dtype=torch.float64)
    for h in range(H):
        state = torch.zeros(D, D, dtype=torch.float64)
        for t in range(T):
            state = write(state, k[h, t], v[h, t], x[t], h, attention)
            mixed[h, t] = q[h, t] @ state
    mixed = mixed / (mixed.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    mixed = attention.readout.norm.weight * mixed
    expected = mixed.transpose(0, 1).flatten(1) @ attention.layout.out.weight.T
    atol = 1e-6 if write is retnet else 1e-12  # its rates are constants in float32
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", KERNELS)
def test_rows_are_those_of_the_kernel(name):
    attention, _, q, k, v, found = build(name)
    rows = torch.stack([KERNELS[name](a, b).tril() for a, b in zip(q, k, strict=True)])
    mixed = rows / rows.sum(-1, keepdim=True) @ v
    expected = mixed.transpose(0, 1).flatten(1) @ attention.layout.out.weight.T
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name, factor, gap", [("gqa", 5, 0.0), ("s4d", 7, 0.04), ("rtf", 7, 0.04)])
def test_a_wider_feed_forward_has_the_parameters_of_softmax(name, factor, gap):
    """The pairs of the suite `attention`; without it gqa has 12 % fewer, the filters a third."""
    wide = [f"attention={name}", f"model.feedforward_factor={factor}"]
    sizes = [
        small_decoder(variant(["task=text", *words]).nodes).costs()["parameters"]
        for words in (["attention=softmax"], [f"attention={name}"], wide)
    ]
    assert sizes[1] < 0.9 * sizes[0] and abs(sizes[2] / sizes[0] - 1) <= gap
