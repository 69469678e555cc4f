"""`kexue-pipe claim=NAME`: run exactly what one claim needs, and print its verdict.

Overrides hold for every variant of it: `kexue-pipe claim=NAME size=smoke`.
"""

from pathlib import Path
from typing import Any

from kexue_pipe.command.snakemake import snakemake
from kexue_pipe.core.spelling import join_name
from kexue_pipe.graph import ledger
from kexue_pipe.graph.compositions import expansion, keep
from kexue_pipe.graph.suites import CLAIM


def judge(name: str, overrides: list[str], settings: dict[str, Any]) -> int:
    """Run what a claim needs and print the verdict with its numbers; give the exit code."""
    ledger.chosen([name])  # refuses one that does not exist
    suite = join_name([f"{CLAIM}{name}", *overrides])
    claim = expansion(suite)["claims"][name]
    if claim["reason"]:
        print(f"{name}: not run ({claim['reason']})")
        return 0
    keep(suite)
    tables = Path(f"results/tables/{suite}")
    code = snakemake(str(tables / "claims.parquet"), settings | {"suite": suite})
    if code == 0 and not settings.get("dry_run"):
        from kexue_pipe.claim.words import told
        from kexue_pipe.core.tables import read_table

        row = read_table("claims", tables / "claims.parquet").row(0, named=True)
        print(f"\n{told(row, claim['sisters'])}")
    return code
