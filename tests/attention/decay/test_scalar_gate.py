import pytest
import torch
from torch.nn.functional import softplus

from kexue_pipe.attention.decay.scalar_gate import ScalarGate
from kexue_pipe.core.initialise import initialise

C, H, N = 6, 4, 64


def build(discretised=False):
    gate = ScalarGate(
        width=C, num_heads=H, train_length=N, kept=[0.5, 0.95], discretised=discretised
    )
    initialise(gate, 0)
    return gate.double()


def test_formula():
    gate, x = build(discretised=True), torch.randn(2, 5, C).double()
    with torch.no_grad():
        gate.log_rate.copy_(torch.tensor([0.0, 1.0, -1.0, 2.0]))
    step = softplus(torch.einsum("btc,hc->bht", x, gate.gate.weight) + gate.offset[:, None])
    torch.testing.assert_close(gate.step_size(x)[..., 0], step)
    rate = gate.log_rate.exp()[:, None]
    torch.testing.assert_close(gate(x)[..., 0], -rate * step)


def test_heads_keep_their_share_over_the_training_length():
    log = build()(torch.zeros(1, N, C).double())
    assert log.sum(2).exp().flatten().tolist() == pytest.approx([0.5, 0.95, 0.5, 0.95], abs=1e-6)


def test_values_are_scaled_only_where_asked():
    assert build().step_size(torch.zeros(1, 2, C).double()) is None
