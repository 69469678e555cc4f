"""Facts about the rate of a prior on codes."""

import polars as pl
import pytest

from kexue_pipe.chart import code_rate


def test_rates_by_hand(tables, knobs_of):
    frame = code_rate.data(tables, **knobs_of("code_rate"))
    rows = frame.filter(pl.col("seed").is_null(), suffix="position=rope_2d")
    # bits per code: 4 of the model, 6 of frequencies, 8 of 256 codes; a code is 16 pixels
    assert dict(rows.select("measure", "mean").rows()) == {
        "model": pytest.approx(4 / 16), "unigram": pytest.approx(6 / 16), "uniform": 8 / 16,
    }  # fmt: skip
    assert rows["measure"][0] == "model" and set(rows["k"]) == {3}


def test_only_tasks_whose_tokens_are_pixels_are_shown(tables, knobs_of):
    assert set(code_rate.data(tables, **knobs_of("code_rate"))["task"]) == {"codes"}
