"""The ledger judged on collected tables: both sides by seed, Holm within a source, learning rates.

A verdict that stands on trained models is tried again with the shift that seed 0 shows when every
variant has the best of the tried learning rates:

    d'_s = d_s + d_0(best rates) - d_0(default rates)

If d' has another verdict than d, the claim is inconclusive, for the reason of the learning rate.
The best rate is that of the smallest last training loss; every training batch is drawn anew, so
this is a loss on data not seen before, and not on the test documents.
"""

from collections.abc import Callable
from itertools import groupby
from math import nan
from typing import Any

import polars as pl
from hydra.utils import instantiate

from kexue_pipe.claim import estimate, verdict
from kexue_pipe.core.tables import JUDGED, TABLES

Tables = dict[str, pl.DataFrame]
Claim = dict[str, Any]
Row = dict[str, Any]
Study = Callable[[Any], float | list[float]]
ABSENT = "its runs are not in this suite"


def judge(
    claims: dict[str, Claim], tables: Tables, study: Study = instantiate
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the tables `claims` and `claim_values` of a ledger; `study` runs the node of a study."""
    rows, sides = [], []
    for name, claim in claims.items():
        row, found = _measured(claim, tables, study)
        rows.append(claim | {"claim": name, "left": None, "right": None, "seeds": None} | row)
        sides += [{"claim": name} | side for side in found]
    rows.sort(key=lambda row: (row["family"], row["claim"]))
    for _, family in groupby(rows, key=lambda row: row["family"]):
        own = list(family)
        adjusted = verdict.holm([row["p"] for row in own], own[0]["sisters"])
        for row, p in zip(own, adjusted, strict=True):
            row |= _decided(row, p)
    return _frame(JUDGED[0], rows), _frame(JUDGED[1], sides)


def variants(claim: Claim) -> list[str]:
    """Name every variant that a claim needs."""
    found = [
        leaf["variant"] for s in ("left", "right") for leaf in estimate.leaves(claim.get(s, 0))
    ]
    return list(dict.fromkeys(found))


def _frame(kind: str, rows: list[Row]) -> pl.DataFrame:
    columns = TABLES[kind].columns
    picked = [{name: row.get(name) for name in columns} for row in rows]
    return pl.DataFrame(picked, schema=columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _measured(claim: Claim, tables: Tables, study: Study) -> tuple[Row, list[Row]]:
    """Measure both sides of a claim by seed, and sum their difference up."""
    nothing = {"p": nan, "of": None, "left": None, "right": None}
    if claim["reason"]:
        return nothing, []
    if not set(tables["variants"]["variant"]).issuperset(variants(claim)):
        return nothing | {"reason": ABSENT}, []
    left, right = (_side(claim, side, tables, study) for side in ("left", "right"))
    gap = estimate.difference(left, right)
    exact = isinstance(gap, float)
    by_seed = {0: gap} if isinstance(gap, float) else gap
    named = {"left": left, "right": right, "difference": by_seed}
    each = [
        {"side": side, "seed": seed, "value": value}
        for side, found in named.items()
        for seed, value in ({0: found} if isinstance(found, float) else found).items()
    ]
    unsolved, runs = _unsolved(claim, tables)
    trained = all(estimate.leaves(claim.get(side, 0)) for side in ("left", "right"))
    lost = trained and unsolved == runs  # where neither side learned, a difference says nothing
    numbers = verdict.sample(list(by_seed.values())) if by_seed and not lost else None
    row = {
        "exact": exact,
        "of": numbers,
        "unsolved": unsolved,
        "left": _mean(left, by_seed),
        "right": _mean(right, by_seed),
        "p": verdict.p_value(numbers, claim["direction"], claim["smallest"]) if numbers else nan,
        "rate_shift": None if exact else _rate_shift(claim, tables, by_seed),
    }
    return row, each


def _side(claim: Claim, side: str, tables: Tables, study: Study) -> estimate.Values:
    """Measure a side; the left one of a study is what its function gives, a number or many."""
    if side == "left" and claim.get("study"):
        result = study(claim["study"])
        return dict(enumerate(result)) if isinstance(result, list) else float(result)
    return estimate.values(claim[side], claim.get("measure", {}), tables)


def _mean(found: estimate.Values, seeds: dict[int, float]) -> float | None:
    return sum(estimate.at([found], s)[0] for s in seeds) / len(seeds) if seeds else None


def _unsolved(claim: Claim, tables: Tables) -> tuple[int, int]:
    """Count the runs that diverged or have not solved their task in range, and all runs."""
    runs = tables["runs"].filter(pl.col("variant").is_in(variants(claim)))
    bad = ~pl.col("solved").fill_null(True) | (pl.col("status") != "finished")
    return runs.filter(bad).height, runs.height


def _rate_shift(claim: Claim, tables: Tables, gap: dict[int, float]) -> float | None:
    """Give what changes for seed 0 when each variant has the best of its learning rates."""
    rates = claim.get("rates") or {}
    runs = tables["runs"].filter(pl.col("seed") == 0)
    moved = {name for others in rates.values() for name in others}
    if not moved or moved - set(runs["variant"]) or 0 not in gap:
        return None
    finished = runs.filter(pl.col("status") == "finished", pl.col("final_loss").is_not_null())
    final = dict(finished.select("variant", "final_loss").iter_rows())
    best = {
        name: min((n for n in (name, *others) if n in final), key=lambda n: final[n], default=name)
        for name, others in rates.items()
    }
    sides = [estimate.renamed(claim[side], best) for side in ("left", "right")]
    again = estimate.difference(*(estimate.values(s, claim["measure"], tables) for s in sides))
    return again[0] - gap[0] if isinstance(again, dict) and 0 in again else None


def _decided(row: Row, adjusted: float) -> Row:
    """Give the verdict of a claim with its numbers and, where there is none, the reason."""
    if row["reason"]:
        return {"verdict": "not run"}
    seeds, question = row["of"], (row["direction"], row["smallest"])
    if seeds is None:
        why = f"{row['unsolved']} of its runs diverged or have not solved their task in range"
        return {"verdict": "inconclusive", "reason": why if row["unsolved"] else "nothing measured"}
    if row["exact"]:
        found = verdict.suggested(seeds.mean, *question)[0]
        return {"verdict": found, "mean": seeds.mean, "low": seeds.mean, "high": seeds.mean}
    low, high = verdict.interval(seeds) or (None, None)
    numbers = {"mean": seeds.mean, "low": low, "high": high, "seeds": seeds.k}
    numbers |= {"effect": seeds.mean / seeds.sd if seeds.sd else None, "p_holm": adjusted}
    found = verdict.verdict(seeds, adjusted, *question)
    factor = adjusted / row["p"] if row["p"] else float(row["sisters"])
    if found == "inconclusive":
        few = (
            f"{seeds.k} seeds, and a verdict needs {verdict.MIN_SEEDS}"
            if seeds.k < verdict.MIN_SEEDS
            else ""
        )
        needed = None if few else verdict.seeds_needed(seeds, *question, verdict.LEVEL / factor)
        numbers |= {"seeds_needed": needed, "reason": few or _open(needed)}
    elif row["rate_shift"] is not None:
        moved = type(seeds)(seeds.k, seeds.mean + row["rate_shift"], seeds.sd)
        if verdict.verdict(moved, factor * verdict.p_value(moved, *question), *question) != found:
            found, numbers["reason"] = "inconclusive", "learning rate"
    return {"verdict": found} | numbers


def _open(needed: int | None) -> str:
    """Say why a claim with enough seeds for an interval is open."""
    if needed is None:
        return "the estimate stands at the border of what matters"
    return f"about {needed} seeds would decide it"
