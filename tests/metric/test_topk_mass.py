import pytest
import torch

from kexue_pipe.metric.pmax import pmax
from kexue_pipe.metric.topk_mass import topk_mass


def test_endpoints(measure, uniform, one_hot):
    assert measure(topk_mass, uniform, k=4).item() == pytest.approx(4 / 13, abs=1e-12)
    assert measure(topk_mass, one_hot, k=4).item() == 1.0


def test_one_key_is_the_largest_share(measure, random_rows):
    torch.testing.assert_close(
        measure(topk_mass, random_rows, k=1), measure(pmax, random_rows), rtol=0, atol=0
    )


def test_equals_a_sorted_sum(measure, random_rows):
    expected = random_rows.sort(-1).values[:, -3:].sum(-1)
    torch.testing.assert_close(measure(topk_mass, random_rows, k=3), expected, rtol=0, atol=1e-12)


def test_a_row_shorter_than_k_has_all_its_mass(measure, random_rows):
    torch.testing.assert_close(
        measure(topk_mass, random_rows, k=16), torch.ones(7).double(), rtol=0, atol=1e-12
    )
