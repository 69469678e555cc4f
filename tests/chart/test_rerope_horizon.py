"""Facts about the horizon of a fixed spacing."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from kexue_pipe.chart import rerope_horizon

EXTENSION = Path(__file__).parents[2] / "conf" / "extension"


def test_the_horizon_and_what_is_lost_by_hand(tables, knobs_of):
    frame = rerope_horizon.data(tables, **knobs_of("rerope_horizon"))
    line = frame.filter(name="leaky_rerope(k=4.0)").sort("length")
    # N = 64, w = 32: 32 + 4 * 32 + 1
    assert set(line["horizon"]) == {161.0}
    assert line["mean"].to_list() == pytest.approx([0, 0, 0.09, 0.59, 0.79])


def test_an_infinite_spacing_has_no_horizon(tables, knobs_of):
    frame = rerope_horizon.data(tables, **knobs_of("rerope_horizon"))
    rerope = frame.filter(name="rerope")
    assert rerope["horizon"].null_count() == rerope.height == 5


def test_without_a_fixed_spacing_nothing_is_drawn(tables, knobs_of):
    variants = tables["variants"].filter(~pl.col("variant").str.contains("leaky"))
    frame = rerope_horizon.data(tables | {"variants": variants}, **knobs_of("rerope_horizon"))
    assert frame.is_empty()


def test_the_window_of_unnamed_variants_is_that_of_the_extension(knobs_of):
    component = yaml.safe_load((EXTENSION / "leaky_rerope.yaml").read_text())
    assert knobs_of("rerope_horizon")["window"] == component["window"]
