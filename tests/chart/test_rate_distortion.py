"""Facts about rate and distortion."""

from math import inf, log10
from pathlib import Path

import polars as pl
import pytest
import yaml

from kexue_pipe.chart import rate_distortion
from kexue_pipe.core import theme


def test_psnr_and_both_rates_by_hand(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    row = frame.filter(split="test", suffix="quantizer=fsq").row(0, named=True)
    # 256 tokens of log2 64 = 6 bits over 4096 pixels; entropy log2 16 = 4 bits per token
    assert row["nominal"] == pytest.approx(6 * 256 / 4096)
    assert row["entropy"] == pytest.approx(4 * 256 / 4096)
    # seeds 23.9, 24.0, 24.1 dB: s = 0.1, half = 4.3027 * 0.1 / sqrt(3)
    assert row["mean"] == pytest.approx(24.0)
    assert row["high"] - row["mean"] == pytest.approx(0.24841, abs=1e-4)


def test_a_continuous_bottleneck_has_no_rate(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    row = frame.filter(split="test", suffix="").row(0, named=True)
    assert row["continuous"] and row["nominal"] == inf and row["entropy"] is None


def test_the_picture_outside_the_domain_has_its_own_panel(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    assert set(frame["split"]) == {"test", "camera"}


def test_lossless_coders_stand_beside_each_split_at_their_rates(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    for split in ("test", "camera"):
        coders = frame.filter(pl.col("level").is_not_null(), split=split)
        rates = dict(coders.select("level", "nominal").rows())
        assert rates == pytest.approx({"order 0": 7.5, "median": 4.75, "png": 5.0})
        assert coders["mean"].null_count() == coders["k"].null_count() == 3


def _gaussian(tables, name: str):
    """Rename the quantizer fsq, of 24 dB at 0.375 bits per pixel, to one of Gaussian numbers."""
    old = "task=patches,quantizer=fsq"
    renamed = {
        kind: frame.with_columns(pl.col("variant").replace(old, name))
        for kind, frame in tables.items()
        if "variant" in frame.columns
    }
    task = pl.when(pl.col("variant") == name).then(pl.lit("gaussian")).otherwise("task")
    return tables | renamed | {"variants": renamed["variants"].with_columns(task=task)}


@pytest.mark.parametrize(("knob", "sigma"), [("", 0.5), (",task.sigma=2.0", 2.0)])
def test_gaussian_numbers_are_drawn_below_their_bound(tables, knobs_of, knob, sigma):
    changed = _gaussian(tables, f"task=gaussian,quantizer=fsq{knob}")
    frame = rate_distortion.data(changed, **knobs_of("rate_distortion")).filter(task="gaussian")
    row = frame.filter(split="test", k=3).row(0, named=True)
    mse = 4 * 10**-2.4
    assert row["mean"] == pytest.approx(10 * log10(sigma**2 / mse), abs=1e-3)
    assert row["short"] == pytest.approx(20 * log10(2) * 0.375 - row["mean"])
    bound = frame.filter(split="test", level="D(R)").sort("nominal")
    # at no bits the error is the variance: 0 dB
    assert bound["nominal"].to_list() == [0.0, 0.375]
    assert bound["mean"].to_list() == pytest.approx([0.0, 6.0206 * 0.375], abs=1e-4)
    assert "SNR (dB)" in str(rate_distortion.draw(theme.compact(frame)).to_dict())


def test_sigma_is_that_of_the_task(knobs_of):
    conf = Path(__file__).parents[2] / "conf" / "task" / "gaussian.yaml"
    assert yaml.safe_load(conf.read_text())["sigma"] == knobs_of("rate_distortion")["sigma"]


def test_budgets_of_one_quantizer_are_joined(tables, knobs_of):
    old, new = "task=patches,quantizer=fsq", "task=patches,quantizer.K=1024,quantizer=fsq"
    names = {"variant": new, "suffix": "quantizer.K=1024,quantizer=fsq", "order": 99}
    names["label"] = names["suffix"]
    more = {
        kind: pl.concat([frame, frame.filter(variant=old).with_columns(
            pl.lit(text).cast(frame.schema[name]).alias(name)
            for name, text in names.items() if name in frame.columns
        )])
        for kind, frame in tables.items()
        if "variant" in frame.columns
    }  # fmt: skip
    drawn = {}
    for name, given in (("one", tables), ("swept", tables | more)):
        frame = rate_distortion.data(given, **knobs_of("rate_distortion"))
        drawn[name] = str(rate_distortion.draw(theme.compact(frame)).to_dict())
    assert frame.filter(family="quantizer=fsq")["label"].n_unique() == 2
    assert "'pick_family'" in drawn["swept"] and "'pick_family'" not in drawn["one"]
    curves = [text.count("'type': 'line', 'clip': True") for text in drawn.values()]
    assert curves == [0, 2]  # one for each split
