import pytest
import torch

from kexue_pipe.attention.scale.logn import LogN
from kexue_pipe.attention.scale.rsqrt import RSqrt


def test_factor_by_hand():
    """D = 4 and base 16: 1/2 times log_16 of 1, 2, 4, 16, 256."""
    q = torch.ones(1, 1, 5, 4, dtype=torch.float64)
    scaled, k = LogN(base=16.0)(q, q, torch.tensor([1, 2, 4, 16, 256]))
    expected = torch.tensor([0, 1 / 8, 1 / 4, 1 / 2, 1], dtype=torch.float64)
    torch.testing.assert_close(scaled[0, 0, :, 0], expected)
    assert k is q


def test_equals_the_usual_scale_where_as_many_keys_are_seen_as_the_base():
    q = torch.randn(2, 3, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    count = torch.tensor([64])
    torch.testing.assert_close(LogN(base=64.0)(q, q, count)[0], RSqrt()(q, q, count)[0])


@pytest.mark.parametrize(
    "length, usual, logn",
    [(64, 3.71, 3.95), (512, 5.75, 5.75), (1024, 6.44, 6.32), (4096, 7.82, 7.45)],
)
def test_entropy_of_unit_variance_scores_bends_but_is_not_flat(length, usual, logn):
    """Mean row entropy of N(0, 1) scores, nats; log n - 1/2 for the usual scale at large n."""
    scores = torch.randn(200, length, generator=torch.Generator().manual_seed(0)).double()
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    factor = LogN(base=512.0)(one, one, torch.tensor([length]))[0].item()
    for scaled, expected in ((scores, usual), (scores * factor, logn)):
        entropy = torch.special.entr(scaled.softmax(-1)).sum(-1).mean().item()
        assert abs(entropy - expected) < 0.1
