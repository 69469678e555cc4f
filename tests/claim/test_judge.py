"""The ledger judged on tables whose truth is known: pairing, exclusion, rates, sweeps, studies."""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kexue_pipe import claims
from kexue_pipe.claim import estimate
from kexue_pipe.claim.judge import ABSENT, judge
from kexue_pipe.claim.words import told
from kexue_pipe.core.tables import TABLES, empty, read_table, write_table

MEASURE = {"quantity": "final_loss"}
PLAIN: dict[str, Any] = {
    "entry": "C1", "statement": "a is worse than b", "source": "a post", "post": 1, "family": "1",
    "sisters": 1, "reason": "", "scope": "numbers", "measure": MEASURE, "direction": "greater",
    "smallest": 0.1, "unit": "nats", "why": "a tenth", "left": {"variant": "a"},
    "right": {"variant": "b"}, "rates": {}, "seeds": 3,
}  # fmt: skip


def tables(losses: dict[str, list[float]], solved: bool | None = None) -> dict[str, pl.DataFrame]:
    """Give tables whose runs end with some losses."""
    rows = [
        {"variant": v, "seed": s, "status": "finished", "final_loss": x, "solved": solved}
        for v, seeds in losses.items()
        for s, x in enumerate(seeds)
    ]
    made = {kind: pl.DataFrame(schema=table.schema) for kind, table in TABLES.items()}
    made["runs"] = pl.DataFrame(rows, schema_overrides=TABLES["runs"].schema).select(
        "variant", "seed", "status", "final_loss", pl.col("solved").cast(pl.Boolean)
    )
    names = [{"variant": v, "train_length": 64} for v in losses]
    made["variants"] = pl.DataFrame(names)
    return made


def row(claim: dict[str, Any], found: dict[str, pl.DataFrame]) -> dict[str, Any]:
    return judge({"c": claim}, found)[0].row(0, named=True)


A, B = [2.0, 3.0, 4.0], [1.5, 2.51, 3.49]


def test_sides_are_paired_by_seed() -> None:
    found = row(PLAIN, tables({"a": A, "b": B}))
    assert found["verdict"] == "supported" and found["seeds"] == 3
    assert found["mean"] == pytest.approx(0.5) and found["low"] < 0.5 < found["high"]
    assert found["high"] - found["low"] < 0.1  # what seeds share is gone
    assert "supported" in told(found) and "0.5" in told(found)


def test_every_seed_of_both_sides_is_kept() -> None:
    values = judge({"c": PLAIN}, tables({"a": A, "b": B}))[1]
    sides = dict(values.group_by("side").agg(pl.col("value").sort_by("seed")).iter_rows())
    assert sides["left"] == A and sides["right"] == B
    assert sides["difference"] == pytest.approx([0.5, 0.49, 0.51])


def test_a_claim_without_its_runs_is_not_run() -> None:
    found = row(PLAIN, tables({"a": A}))
    assert (found["verdict"], found["reason"]) == ("not run", ABSENT)
    assert found["seeds"] is None  # three are wanted, none was there
    found = row(PLAIN | {"reason": "no such part"}, tables({"a": A, "b": B}))
    assert (found["verdict"], found["reason"]) == ("not run", "no such part")


def test_open_claims_name_the_seeds_that_would_decide() -> None:
    found = row(PLAIN, tables({"a": [1.0, 2.0, 3.6], "b": [0.5, 2.0, 2.0]}))
    assert found["verdict"] == "inconclusive" and found["seeds_needed"] > 3
    assert str(found["seeds_needed"]) in found["reason"]


def test_two_seeds_are_too_few() -> None:
    found = row(PLAIN, tables({"a": A[:2], "b": B[:2]}))
    assert found["verdict"] == "inconclusive" and found["low"] is None
    assert "needs 3" in found["reason"]


def test_sisters_of_a_family_raise_p() -> None:
    alone = row(PLAIN, tables({"a": A, "b": B}))
    among = row(PLAIN | {"sisters": 10}, tables({"a": A, "b": B}))
    assert among["p"] == alone["p"] and among["p_holm"] == pytest.approx(10 * alone["p"])
    assert "smallest of the 10 claims of its source" in told(among, 10)
    assert "of its source" not in told(alone)


def test_a_verdict_that_the_best_rates_turn_is_inconclusive() -> None:
    rates = {"a": ["a low", "a high"], "b": ["b low", "b high"]}
    one = {"a low": [1.4], "a high": [9.0], "b low": [9.0], "b high": [9.0]}
    found = row(PLAIN | {"rates": rates}, tables({"a": A, "b": B} | one))
    assert (found["verdict"], found["reason"]) == ("inconclusive", "learning rate")
    assert found["rate_shift"] == pytest.approx(-0.6)  # a is best at the low rate, 2.0 -> 1.4
    kept = row(PLAIN | {"rates": rates}, tables({"a": A, "b": B} | one | {"a low": [9.0]}))
    assert kept["verdict"] == "supported" and kept["rate_shift"] == 0.0
    untried = row(PLAIN | {"rates": {"a": [], "b": []}}, tables({"a": A, "b": B}))
    assert untried["verdict"] == "supported" and untried["rate_shift"] is None


def test_runs_that_have_not_solved_their_task_are_not_read_beyond_it() -> None:
    made = tables({"a": A}, solved=False)
    sweep = {"variant": "a", "seed": 0, "extension": "none", "stream": "s", "protocol": "fixed"}
    sweep |= {"bin_by": "position", "bin_lo": 0, "bin_hi": 1, "n": 4, "loss_sum": 4.0}
    rows = [sweep | {"length": length, "correct": 1} for length in (64, 512)]
    made["extrapolation"] = pl.DataFrame(rows)
    side = {"variant": "a", "stream": "s"}
    read = {"quantity": "accuracy"}
    assert estimate.values(side | {"length": 1}, read, made) == {0: 0.25}
    assert estimate.values(side | {"length": 8}, read, made) == {}
    claim = PLAIN | {"measure": read, "left": side | {"length": 8}, "right": 0.0}
    found = row(claim, made)
    assert found["verdict"] == "inconclusive" and "3 of its runs" in found["reason"]


def test_two_sides_that_have_not_solved_their_task_are_not_compared() -> None:
    lost = row(PLAIN, tables({"a": A, "b": B}, solved=False))
    assert lost["verdict"] == "inconclusive" and "6 of its runs" in lost["reason"]
    made = tables({"a": A, "b": B}, solved=False)
    half = made["runs"].with_columns(solved=pl.col("variant") == "b")
    assert row(PLAIN, made | {"runs": half})["verdict"] == "supported"
    assert row(PLAIN | {"right": 0.0}, made)["seeds"] == 3  # a number has learned nothing either


def test_slopes_correlations_and_double_differences() -> None:
    made = tables({"a": [1.0], "b": [2.0], "c": [4.0], "d": [8.5]})
    sweep = {"over": {"variant": ["a", "b", "c", "d"]}, "x": [1, 2, 4, 8.5]}
    assert estimate.values(sweep, MEASURE, made) == pytest.approx({0: 1.0})
    rank = sweep | {"x": [4, 3, 2, 1], "summary": "correlation"}
    assert estimate.values(rank, MEASURE, made) == pytest.approx({0: -1.0})
    size = rank | {"summary": "association"}
    assert estimate.values(size, MEASURE, made) == pytest.approx({0: 1.0})
    assert estimate.values(size | {"x": [1, 1, 1, 1]}, MEASURE, made) == {0: 0.0}
    best = sweep | {"summary": "min"}
    assert estimate.values(best, MEASURE, made) == {0: 1.0}
    twice = [[{"variant": "d"}, {"variant": "c"}], [{"variant": "b"}, {"variant": "a"}]]
    assert estimate.values(twice, MEASURE, made) == {0: 3.5}


def test_ranks_are_read_beside_averaging() -> None:
    made = tables({"a": [1.0]})
    head = {"variant": "a", "seed": 0, "extension": "none", "length": 64, "layer": 0}
    head |= {"bin_lo": 1, "bin_hi": 65, "n_rows": 2}
    sums = {"erank": [60.0, 100.0], "erank_uniform": [40.0, 40.0]}
    made["attention"] = pl.DataFrame(
        head | {"head": place, "metric": metric, "sum": total}
        for metric, totals in sums.items()
        for place, total in enumerate(totals)
    )
    assert estimate.values({"variant": "a"}, {"quantity": "rank"}, made) == {0: 2.0}


def study() -> dict[str, Any]:
    bits = {"_target_": "kexue_pipe.study.lossless_tokens.bits", "side": 64, "bits_per_byte": 3.0}
    claim = {k: v for k, v in PLAIN.items() if k not in ("left", "measure", "rates")}
    return claim | {"study": bits | {"num_tokens": 1024}, "right": 36, "direction": "equal"}


def test_a_study_is_judged_without_runs() -> None:
    found = row(study(), tables({"a": A}))
    assert found["verdict"] == "supported" and found["seeds"] is None and found["mean"] == 0.0
    assert row(study() | {"right": 35}, tables({"a": A}))["verdict"] == "contradicted"


def test_a_study_runs_once_for_all_suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = {"suite": "x", "claims": {"c": study()}}
    plan = {"nodes": nodes, "sources": {}, "versions": {}, "digest": "0" * 24}
    Path("plan.json").write_text(json.dumps(plan))
    for kind in claims.READ:
        write_table(kind, empty(kind), f"{kind}.parquet", plan["digest"])
    monkeypatch.setattr(sys, "argv", ["claims", "plan.json", "."])
    claims.main()
    monkeypatch.delattr(claims, "instantiate")
    Path("claims.parquet").unlink()
    claims.main()
    assert read_table("claims", "claims.parquet")["verdict"].to_list() == ["supported"]
