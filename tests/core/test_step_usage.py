"""Usage of a step: uniform codes, one code, and the names that are logged."""

import pytest
import torch

from kexue_pipe.core.step_usage import LOGGED, step_usage, usage_of_counts


def test_uniform_use_has_the_perplexity_of_the_used_codes():
    usage = step_usage(torch.arange(12) % 4, 16)
    assert tuple(usage) == LOGGED
    assert usage == {"used": 0.25, "perplexity": pytest.approx(4.0)}


def test_one_code_has_perplexity_one():
    assert step_usage(torch.full((9,), 3), 5) == {"used": 0.2, "perplexity": pytest.approx(1.0)}


def test_perplexity_is_that_of_the_frequencies():
    n = torch.tensor([3, 1, 0, 7, 1])
    usage = usage_of_counts(n)
    assert usage["used"] == pytest.approx(0.8)
    assert usage["perplexity"] == pytest.approx(torch.special.entr(n / 12).sum().exp().item())
