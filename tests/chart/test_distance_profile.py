"""Facts about how far heads read."""

import polars as pl
import pytest

from kexue_pipe.chart import distance_profile


def test_heads_are_sorted_within_a_seed_before_seeds_are_averaged(tables, knobs_of):
    frame = distance_profile.data(tables, **knobs_of("distance_profile"))
    rows = frame.filter(task="text", suffix="", layer=0, span="about 8 N")
    # head `swapped` holds 0.2 (swapped + 1), another head in each seed
    assert rows["mean"].to_list() == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rows["low"].to_list() == pytest.approx(rows["high"].to_list())
    assert rows["head"].to_list() == [1, 2, 3, 4] and set(rows["k"]) == {3}


def test_octaves_are_those_that_hold_multiples_of_the_training_length(tables, knobs_of):
    far = (pl.col("bin_lo") == 512) & (pl.col("metric") == "dist_ratio")  # N is 64
    attention = tables["attention"].with_columns(sum=pl.when(far).then(0.0).otherwise("sum"))
    frame = distance_profile.data(tables | {"attention": attention}, **knobs_of("distance_profile"))
    assert set(frame.filter(span="about 8 N")["mean"]) == {0.0}
    assert 0.0 not in set(frame.filter(span="about N")["mean"])


def test_rows_of_a_window_have_no_point(tables, knobs_of):
    short = tables["attention"].filter(pl.col("bin_hi") <= 64)
    knobs = knobs_of("distance_profile")
    assert distance_profile.data(tables | {"attention": short}, **knobs).is_empty()
