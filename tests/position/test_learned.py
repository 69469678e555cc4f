import pytest
import torch
from torch.nn.functional import interpolate

from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.learned import Learned

WIDTH, N = 7, 11


def _learned(oov="untrained", max_length=None):
    position = Learned(width=WIDTH, train_length=N, max_length=max_length, oov=oov).double()
    initialise(position, 0)
    return position


def _vectors(position, length):
    """What is added at positions 0 ... length - 1, (T, C)."""
    pos = torch.arange(length, dtype=torch.float32)
    return position.embed(torch.zeros(2, length, WIDTH, dtype=torch.float64), pos)[1]


def test_within_training_every_rule_reads_the_table_itself():
    for oov in ("untrained", "clamp", "wrap", "interpolate"):
        position = _learned(oov)
        for length in (1, 5, N):
            assert torch.equal(_vectors(position, length), position.table.weight[:length])


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers_without_its_scale():
    from x_transformers.x_transformers import AbsolutePositionalEmbedding

    ours, theirs = _learned(), AbsolutePositionalEmbedding(WIDTH, 32 * N).double()
    theirs.emb.weight = ours.table.weight
    expected = theirs(torch.zeros(2, 13, WIDTH)) * WIDTH**0.5
    torch.testing.assert_close(_vectors(ours, 13), expected, rtol=0, atol=1e-15)


def test_table_starts_at_two_percent():
    # 32 * 11 * 7 = 2464 draws: the deviation of their spread is 0.02 / sqrt(2 * 2464) = 0.0003
    assert _learned().table.weight.std().item() == pytest.approx(0.02, abs=0.001)


def test_rules_beyond_training():
    rows = {"untrained": range(25), "clamp": [*range(N), *[10] * 14], "wrap": [*range(N)] * 3}
    for oov, expected in rows.items():
        position = _learned(oov)
        assert torch.equal(_vectors(position, 25), position.table.weight[list(expected)[:25]])


@pytest.mark.parametrize("length", [12, 22, 25, 352])
def test_interpolation_is_the_linear_resampling_of_the_trained_rows(length):
    position = _learned("interpolate")
    trained = position.table.weight[:N].T[None]  # (1, C, N)
    expected = interpolate(trained, length, mode="linear", align_corners=True)[0].T
    torch.testing.assert_close(_vectors(position, length), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("oov", ["untrained", "clamp", "wrap", "interpolate"])
def test_rows_beyond_training_get_no_gradient(oov):
    position = _learned(oov)
    _vectors(position, N).square().sum().backward()
    gradient = position.table.weight.grad
    assert (gradient[:N] != 0).all() and (gradient[N:] == 0).all()


def test_random_ids_read_and_train_their_own_rows():
    position, pos = _learned(), torch.tensor([3.0, 17.0, 350.0])
    added = position.embed(torch.zeros(1, 3, WIDTH, dtype=torch.float64), pos)[0]
    assert torch.equal(added, position.table.weight[[3, 17, 350]])
    added.sum().backward()
    assert position.table.weight.grad.sum(1).nonzero().flatten().tolist() == [3, 17, 350]


@pytest.mark.parametrize("max_length, length", [(None, 32 * N), (23, 23)])
def test_a_position_beyond_the_table_is_refused(max_length, length):
    position = _learned("clamp", max_length)
    _vectors(position, length)
    with pytest.raises(ValueError, match=f"position {length} is beyond the {length} learned rows"):
        _vectors(position, length + 1)
