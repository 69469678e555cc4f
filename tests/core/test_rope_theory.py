"""Facts about what is derived from a rotary base, against published and hand-computed values."""

import numpy as np
import pytest

from kexue_pipe.core import rope_theory

BOUNDS = {  # (D, L): b*
    (16, 64): 1.71e3, (16, 128): 2.8e3, (16, 256): 8.6e3, (16, 512): 5.7e4,
    (32, 64): 315, (32, 128): 1.03e3, (32, 256): 2.2e3, (32, 512): 1.25e4,
    (64, 64): 156, (64, 128): 463, (64, 256): 1.4e3, (64, 512): 3.4e3,
    (128, 64): 105, (128, 128): 311, (128, 256): 890, (128, 512): 2.1e3,
    (128, 1024): 4.3e3, (128, 2048): 1.2e4,  # the post's own
}  # fmt: skip


@pytest.mark.parametrize(("width", "length"), BOUNDS)
def test_smallest_base(width, length):
    fine = 1000 if (width, length) == (64, 512) else 200  # there a narrow range of bases is enough
    found = rope_theory.minimum_base(length, width, fine)
    assert found == pytest.approx(BOUNDS[width, length], rel=0.04)


@pytest.mark.parametrize(("width", "first"), [(16, 91), (32, 474), (64, 725), (128, 1707)])
def test_reach_of_the_usual_base(width, first):
    assert rope_theory.reach(1e4, width, 4000) == first
    assert rope_theory.reach(1e4, width, first) == first  # the limit, where nothing is negative


@pytest.mark.parametrize(
    ("base", "length", "counts"),
    [(1e4, 64, (5, 11, 23)), (1e4, 128, (5, 10, 21)), (100.0, 64, (3, 7, 15))],
)
def test_pairs_that_turn_less_than_once(base, length, counts):
    assert tuple(rope_theory.under_rotated(base, d, length) for d in (16, 32, 64)) == counts


def test_pairs_of_the_posts_model():
    assert rope_theory.under_rotated(1e4, 128, 512) == 33


def test_similarity_is_the_sum_of_cosines_and_starts_at_the_number_of_pairs():
    # D = 4: frequencies 1 and b^(-1/2)
    expected = [2.0, np.cos(1) + np.cos(0.1), np.cos(2) + np.cos(0.2)]
    assert rope_theory.similarity(100.0, 4, 3) == pytest.approx(expected)


def test_a_length_that_no_base_serves_is_refused():
    with pytest.raises(ValueError, match="no base"):
        rope_theory.minimum_base(10_000, 2, 10)  # one pair turns at 1 rad per token
