"""Facts about the fixed-token sweep."""

from math import log

import polars as pl
import pytest

from kexue_pipe.chart import fixed_token_sweep


@pytest.fixture
def frame(tables, knobs_of):
    return fixed_token_sweep.data(tables, **knobs_of("fixed_token_sweep"))


def test_mean_and_interval_are_those_of_the_seeds(frame):
    # seeds 4.59, 4.60, 4.61: s = 0.01, half = 4.3027 * 0.01 / sqrt(3) = 0.024841
    row = frame.filter(task="text", suffix="", extension="none", length=256).row(0, named=True)
    assert row["mean"] == pytest.approx(4.6)
    assert row["high"] - row["mean"] == pytest.approx(0.024841, abs=1e-5)
    assert row["k"] == 3 and row["unit"] == "bits"


def test_repeat_is_read_in_accuracy(frame):
    row = frame.filter(task="repeat", suffix="", extension="none", length=512).row(0, named=True)
    assert (row["unit"], row["mean"]) == ("accuracy", pytest.approx(0.25, abs=0.002))


def test_every_line_knows_its_own_value_at_the_training_length(frame):
    lines = frame.filter(pl.col("suffix") == "", pl.col("task") == "text")
    assert lines.height
    assert set(lines.filter(~pl.col("control"))["in_range"].round(6)) == {2.4}


def test_controls_are_drawn_and_other_extensions_are_not(frame):
    assert set(frame["extension"].drop_nulls()) == {"none", "window"}
    assert frame.filter("control")["extension"].unique().to_list() == ["window"]


def test_levels_are_those_of_the_panel_in_its_unit(frame):
    levels = frame.filter(pl.col("level").is_not_null())
    assert set(levels.select("task", "level").rows()) == {
        ("text", "unigram"),
        ("recall", "ceiling"),
        ("codes", "unigram"),
    }
    assert set(levels.filter(level="ceiling")["mean"]) == {1.0}
    unigram = levels.filter(level="unigram", task="text")["mean"].to_list()
    assert unigram == pytest.approx([2 / log(2)] * 5)
    assert levels["length"].unique().sort().to_list() == [64, 128, 256, 512, 1024]
