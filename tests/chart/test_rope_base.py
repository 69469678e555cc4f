"""Facts about trained and derived rotary bases."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from kexue_pipe.chart import rope_base
from kexue_pipe.core import rope_theory

POSITION = Path(__file__).parents[2] / "conf" / "position"


@pytest.fixture
def frame(tables, knobs_of):
    return rope_base.data(tables, **knobs_of("rope_base"))


def test_measured_lengths_by_base(frame):
    rows = frame.filter(kind="measured").select("base", "mean", "k").rows()
    assert rows == [(100.0, 64.0, 3), (10000.0, pytest.approx(64 * 2 ** (1 / 3)), 3)]


def test_head_width_is_that_of_the_cache(frame):
    assert set(frame["width"]) == {32}  # 512 numbers per token, 2 layers, 4 heads, k and v


def test_curves_are_the_derived_ones(frame):
    served = frame.filter(kind="served")
    base, length = served.select("base", "mean").row(served.height // 2)
    assert length == rope_theory.reach(base, 32, 2048)
    assert served["base"].min() == pytest.approx(50) and served["base"].max() == pytest.approx(2e4)
    share = frame.filter(kind="share").sort("base")
    assert share.filter(pl.col("base") < 100)["mean"][-1] == 7 / 16  # as at base 100
    assert share.filter(pl.col("base") <= 10000)["mean"][-1] == 11 / 16


def test_one_base_is_no_comparison(tables, knobs_of):
    variants = tables["variants"].filter(~pl.col("variant").str.contains("base="))
    frame = rope_base.data(tables | {"variants": variants}, **knobs_of("rope_base"))
    assert frame.is_empty()


def test_the_base_of_unnamed_variants_is_that_of_the_component(knobs_of):
    component = yaml.safe_load((POSITION / "rope.yaml").read_text())
    assert knobs_of("rope_base")["base"] == component["base"]
