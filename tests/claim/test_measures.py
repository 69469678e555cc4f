"""Measures of a claim on tables of a few rows, whose numbers are known."""

from math import log

import polars as pl
import pytest

from kexue_pipe.claim import measures
from kexue_pipe.core.tables import TABLES

PLACE = {"variant": "a", "seed": 0, "extension": "none"}


def tables(**frames: list[dict]) -> dict[str, pl.DataFrame]:
    """Give the tables of one variant that was trained at 64 tokens."""
    made = {kind: pl.DataFrame(schema=table.schema) for kind, table in TABLES.items()}
    made["variants"] = pl.DataFrame({"variant": "a", "train_length": 64})
    return made | {kind: pl.DataFrame(rows) for kind, rows in frames.items()}


def head(metric: str, value: float, place: int = 0, bin_lo: int = 32, length: int = 256) -> dict:
    """Give a row of the attention table: two attention rows of a head."""
    bins = {"bin_lo": bin_lo, "bin_hi": 2 * bin_lo, "length": length}
    return PLACE | bins | {
        "layer": place // 2, "head": place % 2, "metric": metric, "sum": 2 * value, "n_rows": 2,
    }  # fmt: skip


def test_rows_are_those_of_the_octave_in_the_longest_context() -> None:
    found = tables(
        attention=[
            head("gini", 0.1),
            head("gini", 0.5, bin_lo=64),
            head("gini", 0.9, length=64),
            head("gini", 0.3, place=2),
        ]
    )
    asked = {"variant": "a", "metric": "gini"}
    assert measures.rows(found, **asked, length=0.5) == pytest.approx({0: 0.2})
    assert measures.rows(found, **asked, length=0.5, layer=1) == pytest.approx({0: 0.3})
    assert measures.rows(found, **asked, length=1) == pytest.approx({0: 0.5})


def test_a_slope_over_heads_is_an_exponent() -> None:
    widths = [2.0, 5.0, 9.0, 30.0]
    rows = [head("pr", x, place) for place, x in enumerate(widths)]
    rows += [head("noise_gain", 3 * x**-1.5, place) for place, x in enumerate(widths)]
    asked = {"variant": "a", "metric": "noise_gain", "against": "pr", "length": 0.5}
    assert measures.slope_over_heads(tables(attention=rows), **asked) == pytest.approx({0: -1.5})


def test_latents_are_per_token_or_over_another_sum() -> None:
    row = {"variant": "a", "seed": 3, "split": "test", "n_tokens": 10, "error": 4.0, "spread": 16.0}
    found = tables(latents=[row])
    assert measures.latent(found, variant="a", of="error") == {3: 0.4}
    assert measures.latent(found, variant="a", of="error", per="spread") == {3: 0.25}


def test_levels_are_in_bits() -> None:
    row = {"variant": "a", "seed": 0, "stream": "test", "level": "png"}
    found = tables(levels=[row | {"length": n, "loss": n * log(2.0)} for n in (64, 128)])
    asked = {"variant": "a", "stream": "test", "level": "png"}
    assert measures.level(found, **asked, length=2) == pytest.approx({0: 128.0})
    assert measures.level(found, **asked) == pytest.approx({0: 96.0})
