import pytest
import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.kerple_power import KerplePower


@pytest.fixture
def pos():
    return torch.arange(12, dtype=torch.float64)


def _kerple(r1, r2):
    position = KerplePower(num_heads=len(r1)).double()
    position.r1.data, position.r2.data = torch.tensor([r1, r2], dtype=torch.float64).unbind()
    return position


def _bias(position, pos_q, pos_k, num_heads=4):
    q = torch.zeros(2, num_heads, len(pos_q), 5, dtype=torch.float64)
    return position.bias(q, pos_q, pos_k)


def test_by_hand():
    bias = _bias(_kerple([1.0, 0.5], [2.0, 0.5]), torch.tensor([4.0]), torch.arange(6.0), 2)
    roots = [2.0, 3**0.5, 2**0.5, 1.0, 0.0, 0.0]
    expected = torch.tensor([[-16.0, -9, -4, -1, 0, 0], [-x / 2 for x in roots]]).double()
    assert bias.shape == (1, 2, 1, 6)  # four dimensions: with three the fused kernel is not used
    torch.testing.assert_close(bias[0, :, 0], expected, rtol=0, atol=1e-7)


def test_is_alibi_at_exponent_one(pos, monkeypatch):
    slopes = [1 / 4, 1 / 16, 1 / 64, 1 / 256]
    monkeypatch.setattr("kexue_pipe.position.kerple_power._LEAST", 0.0)
    alibi = _bias(Alibi(num_heads=4, max_exponent=8.0), pos, pos)
    ours = _bias(_kerple(slopes, [1.0] * 4), pos, pos)
    torch.testing.assert_close(ours.tril(), alibi.tril(), rtol=0, atol=1e-14)


def test_softmax_of_the_bias_at_exponent_two_is_a_gaussian_window(pos):
    row = _bias(_kerple([0.02, 0.5], [2.0, 2.0]), pos[-1:], pos, 2)[0, :, 0].softmax(-1)
    distance = 11 - pos
    for h, variance in enumerate([1 / 0.04, 1.0]):  # exp(-n^2 / (2 variance))
        bell = (-distance.square() / (2 * variance)).exp()
        torch.testing.assert_close(row[h], bell / bell.sum(), rtol=0, atol=1e-14)


def test_gradient_in_closed_form_is_finite_at_distance_zero(pos):
    position = _kerple([0.3, 1.0], [0.2, 1.5])
    _bias(position, pos, pos, 2).tril().sum().backward()
    n = (pos[:, None] - pos).clamp(min=0)
    log = n.clamp(min=1).log()  # n^r ln n is 0 at n = 0
    for h, (r1, r2) in enumerate([(0.3, 0.2), (1.0, 1.5)]):
        assert position.r1.grad[h].item() == pytest.approx(-(n**r2).sum().item())
        assert position.r2.grad[h].item() == pytest.approx(-(r1 * n**r2 * log).sum().item())


def test_parameters_are_clamped_in_training_and_keep_their_gradient(pos):
    position = _kerple([-1.0, 0.5, 0.5], [-1.0, 0.5, 3.0])
    evaluated = _bias(position.eval(), pos, pos, 3)
    assert position.r2.tolist() == [-1.0, 0.5, 3.0]  # evaluation leaves a checkpoint as it is
    trained = _bias(position.train(), pos, pos, 3)
    assert position.r1.tolist() == [0.01, 0.5, 0.5] and position.r2.tolist() == [0.01, 0.5, 2.0]
    assert torch.equal(evaluated, trained)
    (trained + _bias(position, pos, pos, 3)).tril().sum().backward()  # two layers
    assert (position.r1.grad < 0).all() and (position.r2.grad < 0).all()


def test_start_fills_the_published_ranges():
    position = KerplePower(num_heads=2000)
    initialise(position, 0)
    for r, most in ((position.r1, 1.0), (position.r2, 2.0)):
        # the mean of 2000 uniform draws deviates by most / sqrt(12 * 2000) = 0.0065 most
        assert r.min() >= 0 and r.max() <= most
        assert r.mean().item() == pytest.approx(most / 2, abs=0.03 * most)
    assert position.r1.ndim == position.r2.ndim == 1  # so the optimizer does not decay them


def test_depends_only_on_distance(pos):
    position = _kerple([0.3, 1.0, 1.7, 0.1], [0.2, 0.5, 1.0, 2.0])
    assert torch.equal(_bias(position, pos, pos), _bias(position, pos + 1000, pos + 1000))
