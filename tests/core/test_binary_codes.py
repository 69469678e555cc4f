"""Binary codes: an exact index, and both entropies against the enumeration of all codes."""

from itertools import product
from math import log

import pytest
import torch

from kexue_pipe.core.binary_codes import (
    entropy_of_latents,
    exact_entropy,
    factorised_entropy,
    join_bits,
    split_bits,
)


def log_odds(d, n=53, scale=1.0):
    generator = torch.Generator().manual_seed(d)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) * scale


def enumerated(x):
    """Give p(c | z) of every corner one by one, (N, 2^d), in the order of the index."""
    p = torch.sigmoid(x)
    columns = [
        torch.stack([p[:, i] if bit else 1 - p[:, i] for i, bit in enumerate(code)]).prod(0)
        for code in product([0, 1], repeat=x.shape[1])
    ]
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("d", [1, 2, 5, 8])
def test_entropies_are_those_of_all_codes_one_by_one(d):
    x = log_odds(d)
    p = enumerated(x)
    expected = -torch.special.xlogy(p, p).sum(1).mean()
    torch.testing.assert_close(entropy_of_latents(x), expected)
    mean = p.mean(0)
    torch.testing.assert_close(exact_entropy(x), -torch.special.xlogy(mean, mean).sum())


@pytest.mark.parametrize("d", [2, 5, 8])
def test_factorised_entropy_is_an_upper_bound(d):
    x = log_odds(d, scale=3.0)
    assert factorised_entropy(x) > exact_entropy(x)
    single = log_odds(1)
    torch.testing.assert_close(factorised_entropy(single), exact_entropy(single))


def test_factorised_entropy_does_not_see_equal_bits():
    x = torch.tensor([[50.0] * 8, [-50.0] * 8], dtype=torch.float64)  # 2 codes of 256
    assert factorised_entropy(x).item() == pytest.approx(8 * log(2))
    assert exact_entropy(x).item() == pytest.approx(log(2))


def test_exact_entropy_reaches_all_codes_of_many_bits():
    corners = 100.0 * (2 * split_bits(torch.arange(2**12), 12) - 1)
    assert exact_entropy(corners).item() == pytest.approx(12 * log(2), rel=1e-5)


@pytest.mark.parametrize("entropy", [entropy_of_latents, exact_entropy, factorised_entropy])
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e4, 1e8])
def test_slopes_are_finite(entropy, scale):
    x = (log_odds(6).float() * scale).requires_grad_()
    entropy(x).backward()
    assert x.grad.isfinite().all()


def test_first_bit_is_the_most_significant():
    assert join_bits(torch.tensor([[True, False, False, True]])).tolist() == [9]
    assert split_bits(torch.tensor([9]), 4).tolist() == [[1, 0, 0, 1]]


@pytest.mark.parametrize("d", [1, 8, 30])
def test_bits_and_index_are_inverse(d):
    index = torch.tensor([0, 1, 2**d - 1, 2 ** (d - 1)])
    assert torch.equal(join_bits(split_bits(index, d)), index)
