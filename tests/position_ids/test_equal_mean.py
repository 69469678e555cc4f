import pytest
import torch

from kexue_pipe.position_ids.equal_mean import EqualMean

N, DRAWS = 10, 20000


def lengths(max_factor):
    """The last id of many training documents of N tokens, in training lengths."""
    ids, generator = EqualMean(train_length=N, max_factor=max_factor), torch.Generator()
    generator.manual_seed(0)
    index = torch.arange(N)
    return torch.stack([ids(index, None, generator)[-1] for _ in range(DRAWS)]) / N


@pytest.mark.parametrize("max_factor", [None, 4.0])
def test_training_ids_are_evenly_spaced_from_zero(max_factor):
    ids = EqualMean(train_length=N, max_factor=max_factor)
    pos = ids(torch.arange(N), None, torch.Generator().manual_seed(0))
    torch.testing.assert_close(pos, torch.linspace(0, 1, N) * pos[-1])


def test_lengths_follow_the_exponential_law():
    drawn = lengths(None)
    assert abs(drawn.mean() - 1) < 4 / DRAWS**0.5
    for x in (0.5, 1.0, 3.0):
        expected = 1 - torch.tensor(-x).exp()
        assert abs((drawn < x).float().mean() - expected) < 4 * 0.5 / DRAWS**0.5


def test_bounded_lengths_follow_the_beta_law():
    drawn = lengths(4.0) / 4  # Beta(1, 3): mean 1/4, variance 3/80
    assert drawn.max() < 1
    assert abs(drawn.mean() - 0.25) < 4 * (3 / 80 / DRAWS) ** 0.5
    assert abs(drawn.var() - 3 / 80) < 0.002


def test_test_ids_are_ordinal():
    ids = EqualMean(train_length=N, max_factor=None)
    assert ids(torch.arange(25), None, None).tolist() == list(range(25))


def test_one_token_stands_at_zero():
    ids = EqualMean(train_length=N, max_factor=None)
    assert ids(torch.arange(1), None, torch.Generator().manual_seed(0)).tolist() == [0]
