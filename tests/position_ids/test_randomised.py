import pytest
import torch

from kexue_pipe.position_ids.randomised import Randomised

N = 8


def draw(T=N, factor=4.0, at_test="even", seed=None):
    ids = Randomised(train_length=N, max_factor=factor, at_test=at_test)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return ids(torch.arange(T), None, generator)


def test_training_ids_are_distinct_sorted_and_in_range():
    for seed in range(50):
        pos = draw(seed=seed)
        assert (pos.diff() > 0).all() and pos.min() >= 0 and pos.max() < 4 * N
        assert torch.equal(pos, pos.round()) and pos.dtype == torch.float32


def test_every_place_is_drawn_equally_often():
    generator = torch.Generator().manual_seed(0)
    ids = Randomised(train_length=N, max_factor=4.0, at_test="even")
    draws = [ids(torch.arange(N), None, generator).long() for _ in range(4000)]
    share = torch.cat(draws).bincount(minlength=4 * N) / 4000  # 1/4 each
    assert (share - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4000) ** 0.5


@pytest.mark.parametrize("seed", [None, 0])
def test_as_many_places_as_tokens_are_ordinal(seed):
    assert draw(factor=1.0, seed=seed).tolist() == list(range(N))


def test_even_test_ids_reach_from_end_to_end():
    assert draw(T=5).tolist() == [0, 7, 15, 23, 31]
    assert draw(T=1).tolist() == [0] and draw(T=32).tolist() == list(range(32))


def test_random_test_ids_are_a_subset_that_does_not_change():
    pos = draw(T=12, at_test="random")
    assert torch.equal(pos, draw(T=12, at_test="random"))
    assert (pos.diff() > 0).all() and pos.max() < 32 and pos.tolist() != list(range(12))


@pytest.mark.parametrize("seed", [None, 0])
def test_more_tokens_than_places_are_refused(seed):
    with pytest.raises(ValueError, match="33 tokens have no room in 32 places"):
        draw(T=33, seed=seed)
