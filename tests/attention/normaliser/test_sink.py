import pytest
import torch

from kexue_pipe.attention.normaliser.sink import Sink


def _sink(*values):
    sink = Sink(num_heads=len(values)).double()
    with torch.no_grad():
        sink.sink.copy_(torch.tensor(values))
    return sink


def test_keeps_what_every_normaliser_does(keeps_promises):
    keeps_promises(_sink(-1.0, 0.5, 2.0))


def test_two_keys_by_hand():
    scores = torch.tensor([[[[1.0, 3.0]]]], dtype=torch.float64).log()
    weights = _sink(torch.tensor(6.0).log()).weights(scores, torch.ones(1, 2) > 0)
    expected = torch.tensor([0.1, 0.3], dtype=torch.float64)
    torch.testing.assert_close(weights.flatten(), expected, rtol=0, atol=1e-7)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers():
    from x_transformers.attend import Attend

    q, k, v = torch.randn(3, 2, 3, 7, 5, generator=torch.Generator().manual_seed(1))
    sink, oracle = _sink(-1.0, 0.5, 2.0).float(), Attend(heads=3, head_learned_sink=True, scale=1.0)
    oracle.head_attn_sink.data.copy_(sink.sink.data)
    mixed = sink.weights(q @ k.mT, torch.ones(7, 7) > 0) @ v
    torch.testing.assert_close(mixed, oracle(q, k, v)[0], rtol=0, atol=2e-6)


def test_without_a_sink_it_is_the_softmax(scores, seen):
    weights = _sink(-1e9, -1e9, -1e9).weights(scores.clone(), seen)
    expected = scores.masked_fill(~seen, -torch.inf).softmax(-1)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-15)


def test_starts_as_softmax_plus_one():
    sink = _sink(3.0, 4.0)
    with torch.no_grad():
        sink.initialise(torch.Generator())
        weights = sink.weights(torch.zeros(1, 2, 1, 3).double(), torch.ones(1, 3) > 0)
    torch.testing.assert_close(weights, torch.full_like(weights, 0.25))
