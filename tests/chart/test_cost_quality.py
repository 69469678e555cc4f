"""Facts about cost against quality."""

import polars as pl
import pytest

from kexue_pipe.chart import cost_quality


@pytest.fixture
def frame(tables, knobs_of):
    return cost_quality.data(tables, **knobs_of("cost_quality"))


def _at(frame: pl.DataFrame, **place: str) -> dict[str, dict]:
    return {row["label"]: row for row in frame.filter(**place).iter_rows(named=True)}


def test_quality_at_the_training_length_has_the_interval_of_the_seeds(frame):
    rows = _at(frame, task="text", quality="value at N", cost="parameters")
    row = rows["rope · softmax"]  # seeds 2.39, 2.40, 2.41: half = 4.3027 * 0.01 / sqrt(3)
    assert (row["mean"], row["x"], row["k"]) == (pytest.approx(2.4), 106496, 3)
    assert row["high"] - row["mean"] == pytest.approx(0.024841, abs=1e-5)
    assert rows["position=alibi"]["x"] == 131072


def test_images_are_read_in_psnr_and_texts_also_in_effective_length(frame):
    assert _at(frame, task="patches", cost="parameters")["quantizer=fsq"]["mean"] == pytest.approx(
        24.0, abs=0.01
    )
    rows = _at(frame, task="text", quality="effective length", cost="parameters")
    assert rows["position=alibi"]["mean"] == 1024 and rows["rope · softmax"]["mean"] == 64


def test_a_cost_in_which_a_task_does_not_differ_is_left_out(frame, tables, knobs_of):
    assert frame["cost"].unique().to_list() == ["parameters"]  # FLOPs, cache, seconds are equal
    slower = pl.when(pl.col("variant") == "task=text").then(13.5).otherwise("cpu_seconds")
    timing = tables["timing"].with_columns(cpu_seconds=slower)
    frame = cost_quality.data(tables | {"timing": timing}, **knobs_of("cost_quality"))
    assert set(frame.filter(cost="cpu_seconds")["task"]) == {"text"}


def test_cache_and_state_are_counted_at_the_longest_context(tables, knobs_of):
    none = pl.col("position") == "none"
    variants = tables["variants"].with_columns(
        cache_elements_per_token=pl.when(none).then(0).otherwise("cache_elements_per_token"),
        state_elements=pl.when(none).then(8192).otherwise("state_elements"),
    )
    frame = cost_quality.data(tables | {"variants": variants}, **knobs_of("cost_quality"))
    rows = _at(frame, task="text", quality="value at N", cost="kept")
    assert rows["position=none"]["x"] == 8192 and rows["rope · softmax"]["x"] == 16 * 64 * 512


def test_the_front_is_what_nothing_beats_in_both(frame):
    rows = _at(frame, task="text", quality="value at N", cost="parameters")
    assert [label for label, row in rows.items() if row["front"]] == ["rope · softmax"]
    rows = _at(frame, task="text", quality="effective length", cost="parameters")
    assert {n for n, row in rows.items() if row["front"]} == {"rope · softmax", "position=alibi"}


def test_what_is_not_solved_in_range_is_left_out(frame):
    assert "position=none" not in set(frame.filter(task="repeat")["label"])
