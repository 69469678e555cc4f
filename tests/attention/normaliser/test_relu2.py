import pytest
import torch

from kexue_pipe.attention.normaliser.relu2 import Relu2


@pytest.mark.parametrize("divide_by", ["visible", "train_length", "sum"])
def test_keeps_what_every_normaliser_does(keeps_promises, divide_by):
    keeps_promises(Relu2(train_length=5, divide_by=divide_by))


@pytest.mark.parametrize("divide_by", ["visible", "train_length", "sum"])
def test_equals_the_definition_row_by_row(scores, seen, divide_by):
    weights = Relu2(train_length=5, divide_by=divide_by).weights(scores.clone(), seen)
    for i in range(7):
        squares = scores[:, :, i, : i + 1].clamp(min=0) ** 2
        total = squares.sum(-1, keepdim=True)
        total = torch.where(total == 0, 1, total)
        divisor = {"visible": i + 1, "train_length": 5, "sum": total}[divide_by]
        expected = squares / divisor
        torch.testing.assert_close(weights[:, :, i, : i + 1], expected, rtol=0, atol=1e-14)


def test_a_row_without_positive_scores_is_zero_and_lets_gradients_pass():
    scores = torch.tensor([[[[-1.0, -2.0], [1.0, 3.0]]]], requires_grad=True)
    weights = Relu2(train_length=5, divide_by="sum").weights(scores.clone(), torch.ones(2, 2) > 0)
    torch.testing.assert_close(weights[0, 0], torch.tensor([[0.0, 0.0], [0.1, 0.9]]))
    weights[..., 0].sum().backward()
    assert scores.grad.isfinite().all() and (scores.grad[0, 0, 1] != 0).all()


def test_long_rows_of_noise_keep_their_sum_by_the_keys_seen():
    """E max(s, 0)^2 = 1/2 for N(0, 1) scores."""
    scores = torch.randn(1, 1, 64, 1024, generator=torch.Generator().manual_seed(0))
    shown = torch.ones(64, 1024) > 0
    counted = Relu2(train_length=64, divide_by="visible").weights(scores.clone(), shown)
    frozen = Relu2(train_length=64, divide_by="train_length").weights(scores.clone(), shown)
    assert abs(counted.sum(-1).mean().item() - 0.5) < 0.02
    torch.testing.assert_close(frozen, counted * 16)
