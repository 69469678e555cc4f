"""Facts about the slope of entropy in the row length."""

from math import log

import polars as pl
import pytest

from kexue_pipe.chart import entropy_slope


def test_heads_that_hold_half_of_log_l_have_the_slope_one_half(tables, knobs_of):
    frame = entropy_slope.data(tables, **knobs_of("entropy_slope"))
    rows = frame.filter(task="text", suffix="", layer=0)
    assert rows["span"].to_list() == ["beyond N", "up to N"]
    assert rows["mean"].to_list() == pytest.approx([0.5, 0.5])
    assert rows["low"].to_list() == pytest.approx([0.5, 0.5])
    assert set(frame["k"]) == {3}


def test_rows_that_a_window_cuts_count_with_their_own_length(tables, knobs_of):
    # of the octave 32 to 63 only rows of 32 keys, with half of log 32 in entropy and gap each
    cut = (pl.col("bin_lo") == 32) & pl.col("metric").is_in(["entropy", "conc"])
    half = pl.col("n_rows") * log(32) / 2
    attention = tables["attention"].with_columns(sum=pl.when(cut).then(half).otherwise("sum"))
    frame = entropy_slope.data(tables | {"attention": attention}, **knobs_of("entropy_slope"))
    slopes = frame.filter(task="text", span="up to N")["mean"]
    assert slopes.to_list() == pytest.approx([0.5] * 6)


def test_two_octaves_make_no_slope(tables, knobs_of):
    short = tables["attention"].filter(pl.col("bin_hi") <= 256)
    frame = entropy_slope.data(tables | {"attention": short}, **knobs_of("entropy_slope"))
    assert set(frame["span"]) == {"up to N"}


def test_the_slowest_growth_beyond_n_comes_first(tables, knobs_of):
    flat = (pl.col("variant") == "task=text,position=none") & (pl.col("metric") == "entropy")
    attention = tables["attention"].with_columns(sum=pl.when(flat).then(0.0).otherwise("sum"))
    frame = entropy_slope.data(tables | {"attention": attention}, **knobs_of("entropy_slope"))
    assert frame.filter(task="text", layer=1)["label"][0] == "position=none"
