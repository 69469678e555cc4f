"""Facts about statistics over seeds: coverage, pairing, pooling, effective length."""

from math import log

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from kexue_pipe.core import statistics
from kexue_pipe.core.tables import TABLES, empty

SEEDS = pl.DataFrame({"group": ["a"] * 3, "seed": [0, 1, 2], "value": [1.0, 2.0, 6.0]})


def test_interval_of_three_seeds_by_hand():
    # mean 3, s = sqrt((4 + 1 + 9) / 2) = sqrt(7), half = 4.302653 sqrt(7 / 3)
    row = statistics.over_seeds(SEEDS, ["group"]).row(0, named=True)
    half = 4.302652729911275 * (7 / 3) ** 0.5
    assert (row["mean"], row["k"]) == (3.0, 3)
    assert row["low"] == pytest.approx(3 - half) and row["high"] == pytest.approx(3 + half)


def test_intervals_cover_the_true_mean_in_95_percent():
    repeats = 2000
    draws = np.random.default_rng(0).normal(5.0, 2.0, (repeats, 4))
    group, seed = np.divmod(np.arange(draws.size), 4)
    frame = pl.DataFrame({"group": group, "seed": seed, "value": draws.ravel()})
    result = statistics.over_seeds(frame, ["group"])
    covered = result.select((pl.col("low") < 5.0) & (pl.col("high") > 5.0)).to_series().mean()
    assert covered == pytest.approx(0.95, abs=0.015)


def test_two_seeds_have_no_interval_and_are_shown_one_by_one():
    result = statistics.over_seeds(SEEDS.head(2), ["group"])
    assert result["low"].to_list() == [None] * 3
    assert result["mean"].to_list() == [1.5, 1.0, 2.0]
    assert result["seed"].to_list() == [None, 0, 1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_seed_that_is_not_finite_is_never_averaged_away(bad):
    frame = SEEDS.with_columns(value=pl.when(pl.col("seed") == 1).then(bad).otherwise("value"))
    row = statistics.over_seeds(frame, ["group"]).row(0, named=True)
    assert (row["mean"], row["low"], row["k"]) == (None, None, 3)


def test_no_rows_give_no_rows_of_the_same_schema():
    full = statistics.over_seeds(SEEDS, ["group"])
    nothing = statistics.over_seeds(SEEDS.clear(), ["group"])
    assert nothing.is_empty() and nothing.schema == full.schema


def test_pairing_removes_what_seeds_share():
    left = SEEDS.with_columns(value=pl.col("value") + pl.Series([0.4, 0.5, 0.6]))
    row = statistics.paired(left, SEEDS, ["group"]).row(0, named=True)
    half = student.ppf(0.975, 2) * 0.1 / 3**0.5
    assert row["mean"] == pytest.approx(0.5)
    assert row["high"] - row["low"] == pytest.approx(2 * half)


def test_pairing_drops_seeds_that_one_side_lacks():
    assert statistics.paired(SEEDS, SEEDS.head(2), ["group"])["k"].to_list() == [2]


COUNTS = st.integers(1, 50)
LOSSES = st.floats(0.0, 30.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(COUNTS, LOSSES), min_size=1, max_size=8))
def test_pooled_sums_are_the_mean_over_all_tokens(bins):
    tokens = np.concatenate([np.full(n, loss) for n, loss in bins])
    rows = [
        {"bin_lo": i, "bin_hi": i + 1, "n": n, "loss_sum": n * loss, "loss_sq": 0.0, "correct": 0}
        for i, (n, loss) in enumerate(bins)
    ]
    run = {"variant": "task=text", "seed": 0, "extension": "none", "stream": "natural"}
    place = {"protocol": "fixed", "length": 64, "bin_by": "position", "documents": 1, "exact": 0}
    rows = [run | place | row for row in rows]
    other = [row | {"bin_by": "lag", "loss_sum": 1e6} for row in rows]
    variant = {"variant": "task=text", "task": "text", "train_length": 64, "suffix": ""}
    variant |= {"chance": 1 / 64}
    tables = {
        "extrapolation": pl.DataFrame(rows + other, schema=TABLES["extrapolation"].schema),
        "runs": empty("runs"),
        "variants": pl.DataFrame([variant | {"label": "rope", "order": 0, "new": False}]),
    }
    result = statistics.measured(tables, "fixed", ["length"]).row(0, named=True)
    assert result["value"] == pytest.approx(tokens.mean() / log(2))
    assert result["gain"] == -result["value"] and result["unit"] == "bits"
    assert result["guess"] == 6.0  # log2 of 64 symbols


def _values(values: list[float], unit: str) -> pl.DataFrame:
    frame = pl.DataFrame({"length": [32, 64, 128, 256, 512][: len(values)], "value": values})
    same = {"variant": "v", "extension": "none", "stream": "s", "seed": 0, "unit": unit}
    same |= {"task": "t", "train_length": 64, "suffix": "", "label": "v", "order": 0, "new": False}
    same |= {"guess": 0.05 if unit == "accuracy" else 6.0}
    sign = 1.0 if unit == "accuracy" else -1.0
    same_columns = [pl.lit(value).alias(name) for name, value in same.items()]
    return frame.with_columns(*same_columns, gain=sign * pl.col("value"))


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([9.0, 2.0, 2.05, 2.06, 2.0], "bits", 128),  # a later recovery does not count
        ([9.0, 2.0, 1.0, 0.5, 0.1], "bits", 512),  # better is never too far
        ([9.0, 2.0, 2.1, 2.0, 2.0], "bits", 64),
        ([9.0, 2.0, float("nan"), 2.0, 2.0], "bits", 64),
        ([9.0, float("nan"), 2.0, 2.0, 2.0], "bits", 64),
        ([0.0, 0.90, 0.89, 0.95, 0.88], "accuracy", 256),
    ],
)
def test_effective_length_by_hand(values, unit, expected):
    row = statistics.effective_lengths(_values(values, unit)).row(0, named=True)
    assert (row["effective"], row["tested"]) == (expected, 512)


def test_a_stream_whose_answers_lie_beyond_the_training_length_is_not_ranked() -> None:
    flat_at_chance = _values([0.05, 0.06, 0.05, 0.06, 0.05], "accuracy")
    assert statistics.effective_lengths(flat_at_chance).is_empty()
    weak = _values([0.05, 0.30, 0.30, 0.30, 0.30], "accuracy").with_columns(variant=pl.lit("w"))
    strong = _values([0.05, 0.90, 0.90, 0.90, 0.90], "accuracy")
    both = statistics.effective_lengths(pl.concat([weak, strong]))
    assert both["effective"].to_list() == [512, 512]  # the weak one is marked, not left out
