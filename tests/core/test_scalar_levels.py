"""Scalar levels: the advised table, and an index that is exact where float32 is not."""

from math import log2, prod

import pytest
import torch

from kexue_pipe.core.scalar_levels import (
    LEVELS,
    choose_levels,
    join_digits,
    level_noise,
    split_index,
)


def test_advised_levels_are_near_the_wanted_number_of_codes():
    assert {K: prod(choose_levels(K, None)) for K in LEVELS} == {
        16: 16, 64: 64, 256: 240, 1024: 1000, 4096: 4375, 16384: 15360, 65536: 64000,
    }  # fmt: skip
    assert all(abs(log2(prod(levels)) - log2(K)) < 0.1 for K, levels in LEVELS.items())
    assert all(min(levels) >= 5 for K, levels in LEVELS.items() if K >= 256)


def test_levels_of_a_person_win_over_the_table():
    assert choose_levels(256, [7, 2]) == (7, 2)


def test_first_coordinate_counts_fastest():
    levels = torch.tensor([8, 6, 5])
    digits = torch.tensor([[3, 2, 4], [7, 0, 0], [0, 1, 0]])
    index = join_digits(digits, levels)
    assert index.tolist() == [3 + 8 * 2 + 48 * 4, 7, 8]
    assert torch.equal(split_index(index, levels), digits)


def test_every_index_has_its_own_digits():
    levels = torch.tensor([3, 4, 5])
    digits = split_index(torch.arange(60), levels)
    assert len(digits.unique(dim=0)) == 60 and (digits < levels).all() and (digits >= 0).all()
    assert torch.equal(join_digits(digits, levels), torch.arange(60))


def test_index_is_exact_above_the_whole_numbers_of_float32():
    levels = torch.full((12,), 9)
    index = 2**24 + 1 + torch.tensor([0, 2, 9**12 - 2**24 - 2])
    assert index.dtype == torch.int64 and (index.float().long() != index).all()
    assert torch.equal(join_digits(split_index(index, levels), levels), index)


def test_noise_is_one_level_wide_and_drawn_by_the_generator():
    u = torch.zeros(100_000, 1, dtype=torch.float64)
    noise = level_noise(u, torch.Generator().manual_seed(0))
    assert noise.dtype == u.dtype and noise.abs().max() <= 0.5
    assert noise.square().mean().item() == pytest.approx(1 / 12, rel=0.02)
    assert torch.equal(noise, level_noise(u, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("levels", [[], [8, 1], [8.5]])
def test_levels_that_cannot_work_are_named(levels):
    with pytest.raises(ValueError, match="levels=.* must be whole numbers of at least 2"):
        choose_levels(256, levels)


def test_number_of_codes_without_advice_is_named():
    with pytest.raises(ValueError, match=r"K=100 has no advised levels.*\[16, 64"):
        choose_levels(100, None)
