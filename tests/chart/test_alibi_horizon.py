"""Facts about how far ALiBi reads."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from kexue_pipe.chart import alibi_horizon
from kexue_pipe.position.alibi import Alibi

POSITION = Path(__file__).parents[2] / "conf" / "position"


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 12])
def test_slopes_are_those_of_the_component(num_heads):
    trained = Alibi(num_heads=num_heads, max_exponent=8.0).slopes.tolist()
    assert alibi_horizon.slopes(num_heads, 8.0) == pytest.approx(trained)


@pytest.mark.parametrize(("slope", "length"), [(0.25, 2), (0.25, 100), (1 / 256, 64)])
def test_horizon_is_the_mean_distance_of_the_weights(slope, length):
    distance = np.arange(length)
    weights = np.exp(-slope * distance)
    expected = (weights * distance).sum() / weights.sum()
    assert alibi_horizon.horizon(slope, length) == pytest.approx(expected)


def test_heads_keep_their_slope_in_every_seed(tables, knobs_of):
    frame = alibi_horizon.data(tables, **(knobs_of("alibi_horizon") | {"tasks": ["recall"]}))
    assert set(frame["label"]) == {"position=alibi"}
    heads = frame.filter(layer=1).sort("row_length").filter(row_length=frame["row_length"].max())
    assert heads.sort("head").select("slope", "mean").rows() == [
        ("1 / 4", 1.0), ("1 / 16", 2.0), ("1 / 64", 3.0), ("1 / 256", 4.0),
    ]  # fmt: skip
    longest = heads.filter(head=0).row(0, named=True)
    assert longest["derived"] == pytest.approx(alibi_horizon.horizon(0.25, longest["row_length"]))


def test_other_tasks_are_not_drawn(tables, knobs_of):
    knobs = knobs_of("alibi_horizon") | {"tasks": ["other"]}
    assert alibi_horizon.data(tables, **knobs).is_empty()


def test_the_exponent_of_unnamed_variants_is_that_of_the_component(knobs_of):
    component = yaml.safe_load((POSITION / "alibi.yaml").read_text())
    assert knobs_of("alibi_horizon")["max_exponent"] == component["max_exponent"]
