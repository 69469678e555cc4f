import pytest
import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.kerple_log import KerpleLog


@pytest.fixture
def pos():
    return torch.arange(12, dtype=torch.float64)


def _kerple(r1, r2):
    position = KerpleLog(num_heads=len(r1)).double()
    position.r1.data, position.r2.data = torch.tensor([r1, r2], dtype=torch.float64).unbind()
    return position


def _bias(position, pos_q, pos_k, num_heads=4):
    q = torch.zeros(2, num_heads, len(pos_q), 5, dtype=torch.float64)
    return position.bias(q, pos_q, pos_k)


def test_by_hand():
    bias = _bias(_kerple([1.0, 0.5], [1.0, 3.0]), torch.tensor([2.0]), torch.arange(4.0), 2)
    ln = torch.tensor([[3, 2, 1, 1], [7, 4, 1, 1]], dtype=torch.float64).log()  # 1 + r2 distance
    expected = torch.tensor([-1.0, -0.5])[:, None] * ln
    assert bias.shape == (1, 2, 1, 4)  # four dimensions: with three the fused kernel is not used
    torch.testing.assert_close(bias[0, :, 0], expected, rtol=0, atol=1e-15)


def test_is_alibi_where_the_logarithm_is_straight(pos, monkeypatch):
    monkeypatch.setattr("kexue_pipe.position.kerple_log._LEAST", 0.0)
    slopes = [1 / 4, 1 / 16, 1 / 64, 1 / 256]
    ours = _kerple([m * 1e6 for m in slopes], [1e-6] * 4)
    alibi = _bias(Alibi(num_heads=4, max_exponent=8.0), pos, pos)
    # ln(1 + x) = x - x^2 / 2: at most 1/4 * 1e-6 * 11^2 / 2
    torch.testing.assert_close(_bias(ours, pos, pos).tril(), alibi.tril(), rtol=0, atol=2e-5)


def test_softmax_of_the_bias_is_a_power_law(pos):
    r1, r2 = [0.3, 1.0, 1.7, 2.5], [0.2, 0.5, 1.0, 3.0]
    seen = torch.ones(12, 12).tril() > 0
    rows = _bias(_kerple(r1, r2), pos, pos)[0].masked_fill(~seen, -torch.inf).softmax(-1)
    n = (pos[:, None] - pos).clamp(min=0)
    law = torch.stack([(1 + b * n) ** -a for a, b in zip(r1, r2, strict=True)]) * seen
    torch.testing.assert_close(rows, law / law.sum(-1, keepdim=True), rtol=0, atol=1e-14)


def test_gradient_in_closed_form(pos):
    position = _kerple([0.3, 1.0], [0.2, 1.5])
    _bias(position, pos, pos, 2).tril().sum().backward()
    n = (pos[:, None] - pos).clamp(min=0)
    for h, (r1, r2) in enumerate([(0.3, 0.2), (1.0, 1.5)]):
        assert position.r1.grad[h].item() == pytest.approx(-(1 + r2 * n).log().sum().item())
        assert position.r2.grad[h].item() == pytest.approx(-(r1 * n / (1 + r2 * n)).sum().item())


def test_parameters_are_clamped_in_training_and_keep_their_gradient(pos):
    position = _kerple([-1.0, 0.5], [-1.0, 0.5])
    evaluated = _bias(position.eval(), pos, pos, 2)
    assert position.r1.tolist() == [-1.0, 0.5]  # evaluation leaves a checkpoint as it is
    trained = _bias(position.train(), pos, pos, 2)
    assert position.r1.tolist() == position.r2.tolist() == [0.01, 0.5]
    assert torch.equal(evaluated, trained)
    (trained + _bias(position, pos, pos, 2)).tril().sum().backward()  # two layers
    assert (position.r1.grad < 0).all() and (position.r2.grad < 0).all()


def test_start_fills_the_published_ranges():
    position = KerpleLog(num_heads=2000)
    initialise(position, 0)
    for r, most in ((position.r1, 2.0), (position.r2, 1.0)):
        # the mean of 2000 uniform draws deviates by most / sqrt(12 * 2000) = 0.0065 most
        assert r.min() >= 0 and r.max() <= most
        assert r.mean().item() == pytest.approx(most / 2, abs=0.03 * most)
    assert position.r1.ndim == position.r2.ndim == 1  # so the optimizer does not decay them


def test_depends_only_on_distance(pos):
    position = _kerple([0.3, 1.0, 1.7, 2.5], [0.2, 0.5, 1.0, 3.0])
    assert torch.equal(_bias(position, pos, pos), _bias(position, pos + 1000, pos + 1000))
