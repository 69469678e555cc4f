"""The table after a run: what stands beside a variant, and what it must not be read for."""

import polars as pl
import pytest

from kexue_pipe.command import comparison


@pytest.mark.parametrize(
    ("name", "baseline"),
    [
        ("task=text,position.base=500", "task=text"),
        ("task=text,attention=logn,size=smoke", "task=text,size=smoke"),
        ("task=text,size.width=8", "task=text"),
    ],
)
def test_the_baseline_has_the_task_and_the_size(name: str, baseline: str) -> None:
    assert comparison.baseline(name) == baseline


def test_runs_that_do_not_solve_their_task_are_named() -> None:
    rows = [("a", True), ("a", False), ("b", True), ("c", None), ("d", False)]
    runs = pl.DataFrame(rows, schema={"variant": pl.String, "solved": pl.Boolean}, orient="row")
    assert comparison.unsolved(runs, ["a", "b", "c"]) == [
        "not solved at N: a, 1 of 2 seeds; beyond N they say nothing"
    ]
