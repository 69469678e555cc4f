"""Facts about the gradient behind a quantizer."""

import polars as pl
import pytest

from kexue_pipe.chart import gradient_gap


def test_gap_cosine_and_error_by_hand(tables, knobs_of):
    frame = gradient_gap.data(tables, **knobs_of("gradient_gap")).filter(label="quantizer=vq")
    means = dict(frame.select("measure", "mean").rows())
    # sqrt(9 / 4), and 49, 50, 51 of 100 latents: s = 0.01, half = 4.3027 * 0.01 / sqrt(3)
    assert means == pytest.approx({"relative gap": 1.5, "cosine": 0.5})
    row = frame.filter(measure="cosine").row(0, named=True)
    assert row["high"] - row["mean"] == pytest.approx(0.024841, abs=1e-5)
    assert row["error"] == pytest.approx(10 / 200)


def test_what_rounds_nothing_is_left_out(tables, knobs_of):
    frame = gradient_gap.data(tables, **knobs_of("gradient_gap"))
    assert set(frame["label"]) == {"quantizer=fsq", "quantizer=vq"}
    latents = tables["latents"].with_columns(error=pl.lit(0.0))
    assert gradient_gap.data(tables | {"latents": latents}).is_empty()


def test_an_interval_needs_three_seeds(tables, knobs_of):
    latents = tables["latents"].filter(pl.col("seed") < 2)
    frame = gradient_gap.data(tables | {"latents": latents})
    assert frame["low"].null_count() == frame.height and set(frame["k"]) == {2}


def test_a_diverged_run_is_not_averaged_away(tables):
    broken = pl.when(pl.col("seed") == 0).then(float("nan")).otherwise("gradient_gap")
    latents = tables["latents"].with_columns(gradient_gap=broken)
    frame = gradient_gap.data(tables | {"latents": latents}).filter(measure="relative gap")
    assert frame["mean"].null_count() == frame.height
