"""Facts about ranks over those of averaging."""

import polars as pl
import pytest

from kexue_pipe.chart import matrix_rank


def test_ranks_are_averaged_over_heads_and_read_beside_averaging(tables, knobs_of):
    frame = matrix_rank.data(tables, **knobs_of("matrix_rank"))
    row = frame.filter(task="text", suffix="", layer=1)
    assert row["span"].to_list() == ["effective rank", "stable rank"]
    # heads have 1, 2, 3 and 4 times the effective rank of averaging, and once its stable one
    assert row["mean"].to_list() == pytest.approx([2.5, 1.0])
    assert row["low"].to_list() == pytest.approx([2.5, 1.0]) and set(row["k"]) == {3}


def test_the_smallest_effective_rank_comes_first(tables, knobs_of):
    low = (pl.col("variant") == "task=text,position=none") & (pl.col("metric") == "erank")
    attention = tables["attention"].with_columns(sum=pl.when(low).then(1.0).otherwise("sum"))
    frame = matrix_rank.data(tables | {"attention": attention}, **knobs_of("matrix_rank"))
    assert frame.filter(task="text", layer=0)["label"][0] == "position=none"
