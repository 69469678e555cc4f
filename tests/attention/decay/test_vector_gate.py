import pytest
import torch

from kexue_pipe.attention.decay.vector_gate import VectorGate
from kexue_pipe.core.initialise import initialise

C, H, D, N = 6, 4, 5, 64


def build():
    settings = {"kept": [0.5, 0.95], "rank": 3, "tau": 16.0}
    gate = VectorGate(width=C, num_heads=H, head_width=D, train_length=N, **settings)
    initialise(gate, 0)
    return gate.double()


def test_formula():
    gate, x = build(), torch.randn(2, 7, C).double()
    logits = (x @ gate.down.weight.T @ gate.up.weight.T).view(2, 7, H, D) + gate.offset
    expected = logits.sigmoid().pow(1 / 16).log().transpose(1, 2)
    torch.testing.assert_close(gate(x), expected)


def test_heads_keep_their_share_over_the_training_length():
    left = build()(torch.zeros(1, N, C).double()).sum(2).exp()[0]  # (H, D)
    assert left.mean(-1).tolist() == pytest.approx([0.5, 0.95, 0.5, 0.95], abs=1e-6)
