"""Facts about the ranking by effective length."""

import pytest

from kexue_pipe.chart import effective_length


@pytest.fixture
def frame(tables, knobs_of):
    return effective_length.data(tables, **knobs_of("effective_length"))


def test_text_lengths_by_hand(frame):
    # yarn: 2.50, 2.52, 2.60: within 0.05 up to 128; nope: 3.20, 3.24, 3.40: up to 128
    rows = frame.filter(task="text").select("name", "mean", "low", "high").rows()
    assert rows == [
        ("position=alibi", 1024, 1024, 1024),
        ("rope · softmax + yarn", 128, 128, 128),
        ("position=none", 128, 128, 128),
        ("rope · softmax", 64, 64, 64),
    ]


def test_the_interval_is_that_of_the_mean_of_octaves_and_is_cut_where_tests_end(frame):
    # seed 0 of alibi falls by 6 points at 1024: 3, 4, 4 octaves beyond 64
    row = frame.filter(task="repeat", name="position=alibi").row(0, named=True)
    half = 4.302652729911275 * (1 / 3) ** 0.5 / 3**0.5
    assert row["seeds"] == [512, 1024, 1024]
    assert row["mean"] == pytest.approx(64 * 2 ** (11 / 3))
    assert row["low"] == pytest.approx(64 * 2 ** (11 / 3 - half))
    assert row["high"] == row["tested"] == 1024


def test_what_is_not_solved_in_range_is_named_and_not_ranked(frame):
    row = frame.filter(task="repeat").row(-1, named=True)
    assert (row["name"], row["status"]) == ("position=none", "not solved in range")
    assert row["mean"] is None and not row["ranked"]


def test_the_longest_comes_first(frame):
    ranked = frame.filter("ranked", task="repeat")
    assert ranked["name"].to_list() == ["position=alibi", "rope · softmax"]


def test_plain_models_and_best_extensions_are_kept_whatever_their_rank(tables, knobs_of):
    knobs = knobs_of("effective_length") | {"top": 0}
    rows = effective_length.data(tables, **knobs).filter(task="text")
    assert rows["name"].to_list() == [
        "position=alibi", "rope · softmax + yarn", "position=none", "rope · softmax",
    ]  # fmt: skip
    assert rows["rank"].to_list() == [1, 2, 3, 4]


def test_fewer_than_three_seeds_have_no_interval(tables, knobs_of):
    two = {
        kind: frame.filter(seed=0) if "seed" in frame.columns else frame
        for kind, frame in tables.items()
    }
    frame = effective_length.data(two, **knobs_of("effective_length"))
    assert frame["low"].null_count() == frame.height and frame["k"].max() == 1
