"""Facts about the ranking by effective length."""

import pytest

from kexue_pipe.chart import effective_length


@pytest.fixture
def frame(tables, knobs_of):
    return effective_length.data(tables, **knobs_of("effective_length"))


def test_text_lengths_by_hand(frame):
    # yarn: 2.50, 2.52, 2.60: within 0.05 up to 128; nope: 3.20, 3.24, 3.40: up to 128
    lengths = dict(frame.filter(task="text").select("name", "median").rows())
    assert lengths == {
        "position=alibi": 1024.0,
        "rope · softmax + yarn": 128.0,
        "position=none": 128.0,
        "rope · softmax": 64.0,
    }


def test_seeds_are_shown_as_a_range_and_not_averaged(frame):
    # seed 0 of alibi falls by 6 points at 1024, so that it ends at 512
    row = frame.filter(task="repeat", name="position=alibi").row(0, named=True)
    assert row["seeds"] == [512, 1024, 1024]
    assert (row["low"], row["median"], row["high"]) == (512, 1024.0, 1024)


def test_what_is_not_solved_in_range_is_named_and_not_ranked(frame):
    row = frame.filter(task="repeat").row(-1, named=True)
    assert (row["name"], row["status"]) == ("position=none", "not solved in range")
    assert row["median"] is None and not row["ranked"]


def test_the_longest_comes_first(frame):
    ranked = frame.filter("ranked", task="repeat")
    assert ranked["name"].to_list() == ["position=alibi", "rope · softmax"]
