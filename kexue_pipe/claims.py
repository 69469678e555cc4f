"""The claims stage: collected tables in, one verdict for each claim of the ledger out.

    python -m kexue_pipe.claims results/plans/claims/{suite}/plan.json results/tables/{suite}

Studies read no tables: what one gave is kept for all suites, by its node and source.
"""

import argparse
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from kexue_pipe.claim.judge import judge
from kexue_pipe.core.tables import JUDGED, read_table, write_table
from kexue_pipe.graph.cache import Cache
from kexue_pipe.graph.plans import digest_of, targets
from kexue_pipe.graph.sources import digests
from kexue_pipe.graph.worker import load_plan, run, say

READ = (
    "variants",
    "runs",
    "training",
    "extrapolation",
    "levels",
    "attention",
    "codes",
    "reconstruction",
    "latents",
)


def main() -> None:
    """Write the tables `claims` and `claim_values` of a suite."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("tables", type=Path)
    arguments = parser.parse_args()
    plan = load_plan(arguments.plan)
    tables = {kind: read_table(kind, arguments.tables / f"{kind}.parquet") for kind in READ}
    kept = Cache("results/.cache/studies.json", digest_of(plan["versions"]))

    def study(node: Any) -> float | list[float]:
        key = digest_of([node, digests(targets(node))])
        return kept.get(key, lambda: instantiate(node))

    made = judge(plan["nodes"]["claims"], tables, study)
    kept.save()
    for kind, frame in zip(JUDGED, made, strict=True):
        write_table(kind, frame, arguments.tables / f"{kind}.parquet", plan["digest"])
    counts = made[0]["verdict"].value_counts().sort("verdict")
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.iter_rows())
    say(f"claims {plan['nodes']['suite']}: {told}")


if __name__ == "__main__":
    run(main)
