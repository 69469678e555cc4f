import pytest
import torch

from kexue_pipe.core.contracts import RowBlock


@pytest.fixture(scope="session")
def rows():
    """Make a block of one document and one head from weights (R, S); all keys visible."""

    def make(weights, mask=None, queries=None) -> RowBlock:
        weights = torch.as_tensor(weights, dtype=torch.float64)
        weights = weights.reshape(-1, weights.shape[-1])
        num_rows, num_keys = weights.shape
        if mask is None:
            mask = torch.ones(num_rows, num_keys, dtype=torch.bool)
        if queries is None:
            queries = torch.full((num_rows,), num_keys - 1)
        values = torch.zeros(1, 1, num_keys, 1, dtype=torch.float64)
        return RowBlock(queries, mask, weights[None, None], values, row_stochastic=True)

    return make


@pytest.fixture(scope="session")
def measure(rows):
    """Apply a metric to weights (R, S) and give its values (R,)."""
    return lambda metric, weights, *args, **knobs: metric(rows(weights, *args), **knobs)[0, 0]


@pytest.fixture(scope="session")
def uniform():
    return torch.full((1, 13), 1 / 13, dtype=torch.float64)


@pytest.fixture(scope="session")
def one_hot():
    return torch.eye(13, dtype=torch.float64)[4:5]


@pytest.fixture(scope="session")
def geometric():
    """A row p ~ 0.9^(i - j) that is long enough to be infinite: 0.9^601 < 1e-27."""
    row = 0.9 ** torch.arange(601, dtype=torch.float64).flip(0)
    return (row / row.sum())[None]


@pytest.fixture(scope="session")
def lognormal():
    """The softmax of 2^17 unit normal scores."""
    scores = torch.randn(1, 2**17, generator=torch.manual_seed(0), dtype=torch.float64)
    return scores.softmax(-1)


@pytest.fixture(scope="session")
def random_rows():
    """Seven rows over 11 keys."""
    scores = torch.randn(7, 11, generator=torch.manual_seed(1), dtype=torch.float64)
    return (2 * scores).softmax(-1)
