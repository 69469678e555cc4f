from math import log

import pytest
import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.fire import Fire

H, U, N = 3, 5, 8  # L_0 = 4


@pytest.fixture
def fire():
    position = Fire(num_heads=H, hidden=U, c=0.1, threshold=0.5, train_length=N).double()
    initialise(position, 0)
    return position


def _bias(position, pos_q, pos_k):
    return position.bias(torch.zeros(2, H, len(pos_q), 7, dtype=torch.float64), pos_q, pos_k)


def _by_hand(position, i, j, h):
    """The formula for one pair of tokens, number by number."""
    c, reach = abs(position.c.item()), max(abs(position.multiplier.item()) * 4, i)
    x = log(1 + c * (i - j)) / log(1 + c * reach)
    slope, offset = position.slope.tolist(), position.offset.tolist()
    units = [max(0.0, w * x + b) for w, b in zip(slope, offset, strict=True)]
    return sum(w * u for w, u in zip(position.out.weight[h].tolist(), units, strict=True))


@pytest.mark.parametrize("c, multiplier", [(0.1, 1.0), (0.7, 0.6), (-0.3, -1.2)])
def test_by_hand_on_six_tokens(fire, c, multiplier):
    fire.c.data.fill_(c)
    fire.multiplier.data.fill_(multiplier)
    bias = _bias(fire, torch.arange(6.0), torch.arange(6.0))
    assert bias.shape == (1, H, 6, 6)  # four dimensions: with three the fused kernel is not used
    for h in range(H):
        for i in range(6):
            row = [_by_hand(fire, i, j, h) for j in range(i + 1)]
            assert bias[0, h, i, : i + 1].tolist() == pytest.approx(row, abs=1e-7)


def test_starts_at_the_published_values():
    position = Fire(num_heads=H, hidden=2000, c=0.1, threshold=0.5, train_length=N)
    initialise(position, 0)
    assert position.c.item() == pytest.approx(0.1) and position.multiplier.item() == 1
    ends = torch.maximum(position.offset, position.slope + position.offset)
    # w, b ~ U(-1, 1): the unit is off on all of [0, 1] where b < 0 and w + b < 0, 3/8 of the square
    assert (ends > 0).float().mean().item() == pytest.approx(5 / 8, abs=0.04)


def test_is_relative_below_the_threshold_only(fire):
    bias = _bias(fire, torch.arange(12.0).double(), torch.arange(12.0).double())[0]
    for n in range(3):
        along = bias.diagonal(-n, 1, 2)  # (H, 12 - n), from i = n
        below, beyond = along[:, : 5 - n], along[:, 5 - n :]  # i <= 4 = L
        torch.testing.assert_close(below, below[:, :1].expand_as(below), rtol=0, atol=1e-12)
        assert n == 0 or (beyond.diff(dim=1).abs().amax(1) > 1e-4).all()


def test_stretches_any_context_over_the_same_inputs(fire):
    """The first key of every long context is read at x = 1, the query itself at x = 0."""
    for i in (4.0, 100.0, 16_384.0):
        bias = _bias(fire, torch.tensor([i]).double(), torch.tensor([0.0, i]).double())[0, :, 0]
        ends = torch.stack((fire.slope + fire.offset, fire.offset)).relu() @ fire.out.weight.T
        torch.testing.assert_close(bias, ends.T, rtol=0, atol=1e-12)


def test_one_block_of_rows_and_its_gradient(fire):
    pos = torch.arange(12, dtype=torch.float64)
    whole, block = _bias(fire, pos, pos), _bias(fire, pos[5:9], pos)
    torch.testing.assert_close(block, whole[:, :, 5:9], rtol=0, atol=1e-14)
    whole.tril().square().sum().backward()
    for name, parameter in fire.named_parameters():
        assert parameter.grad.isfinite().all() and (parameter.grad != 0).any(), name
