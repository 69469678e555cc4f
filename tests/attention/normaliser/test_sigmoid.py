import pytest
import torch

from kexue_pipe.attention.normaliser.sigmoid import Sigmoid


def _sigmoid(length=7, count="train_length", bias="fixed"):
    return Sigmoid(num_heads=3, train_length=length, count=count, bias=bias).double()


@pytest.mark.parametrize("count", ["train_length", "visible"])
@pytest.mark.parametrize("bias", ["fixed", "learned"])
def test_keeps_what_every_normaliser_does(keeps_promises, count, bias):
    keeps_promises(_sigmoid(count=count, bias=bias))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers_without_a_shift():
    from x_transformers.attend import Attend

    q, k, v = torch.randn(3, 2, 3, 7, 5, generator=torch.Generator().manual_seed(1)).double()
    oracle, _ = Attend(heads=3, sigmoid=True, scale=1.0)(q, k, v)
    mixed = _sigmoid(length=1).weights(q @ k.mT, torch.ones(7, 7) > 0) @ v  # log 1 = 0
    torch.testing.assert_close(mixed, oracle, rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", ["train_length", "visible"])
def test_equals_the_definition_row_by_row(scores, seen, count):
    weights = _sigmoid(length=20, count=count).weights(scores.clone(), seen)
    for i in range(7):
        n = 20 if count == "train_length" else i + 1
        expected = 1 / (1 + n * (-scores[:, :, i, : i + 1]).exp())
        torch.testing.assert_close(weights[:, :, i, : i + 1], expected, rtol=0, atol=1e-15)


def test_other_lengths_are_other_functions_only_by_the_keys_seen():
    """Rows of equal scores: their sum stays near one, or grows with n / N."""
    for length, fixed in ((64, 64 / 65), (1024, 1024 / 65)):
        flat, shown = torch.zeros(1, 3, 1, length).double(), torch.ones(1, length) > 0
        counted = _sigmoid(64, "visible").weights(flat, shown).sum(-1)
        assert (counted - length / (length + 1)).abs().max() < 1e-12
        assert (_sigmoid(64).weights(flat, shown).sum(-1) - fixed).abs().max() < 1e-12


def test_learned_shift_starts_at_zero_and_is_per_head(scores, seen):
    learned, fixed = _sigmoid(bias="learned"), _sigmoid()
    with torch.no_grad():
        learned.shift.fill_(3.0)
        learned.initialise(torch.Generator())
    weights = learned.weights(scores.clone(), seen)
    assert torch.equal(weights, fixed.weights(scores.clone(), seen))
    weights[:, 1].sum().backward()
    assert learned.shift.grad[1] > 0 and (learned.shift.grad[[0, 2]] == 0).all()
    assert not list(fixed.parameters()) and not fixed.state_dict()
