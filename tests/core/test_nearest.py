"""The nearest row: the slow definition, ties, parts, and numbers that are none."""

import pytest
import torch

from kexue_pipe.core import nearest as module
from kexue_pipe.core.nearest import BLOCK, FEW, nearest


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("K", [1, 2, BLOCK + 1, FEW, FEW + 1, FEW + BLOCK, FEW + 77])
@pytest.mark.parametrize("D", [1, 3])
def test_chosen_row_has_the_least_distance(K, D):
    z, table = normal(97, D), normal(K, D, seed=1)
    distance = (z[:, None] - table).square().sum(2)
    assert torch.equal(nearest(z, table), distance.argmin(1))


def test_ties_go_to_the_lowest_row():
    table = normal(5, 3).repeat(100, 1)  # every row 100 times, in several blocks
    z = normal(40, 3, seed=1)
    assert torch.equal(nearest(z, table), nearest(z, table[:5]))


def test_parts_do_not_change_the_rows(monkeypatch):
    z, table = normal(97, 3), normal(FEW + 130, 3, seed=1)
    expected = nearest(z, table)
    for held in (1, 1000):
        monkeypatch.setitem(module.HELD, "cpu", held)
        assert torch.equal(nearest(z, table), expected)


def test_a_latent_on_its_row_finds_it_although_the_products_are_negative():
    table = 1e3 * normal(400, 3)
    assert torch.equal(nearest(table, table), torch.arange(400))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("K", [7, FEW + 7])
def test_a_diverged_latent_still_gets_a_row_of_the_table(value, K):
    index = nearest(torch.full((3, 2), value), torch.randn(K, 2))
    assert ((index >= 0) & (index < K)).all()


def test_nothing_of_it_is_in_the_graph():
    z, table = normal(4, 2).requires_grad_(), normal(5, 2).requires_grad_()
    assert not nearest(z, table).requires_grad
