"""Pages of the synthetic tables, made as the report stage makes them."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import yaml

from kexue_pipe.core.tables import JUDGED, empty

TESTS = Path(__file__).parent
FOLDER = TESTS.parent / "kexue_pipe" / "page"
SYNTHETIC = SimpleNamespace(**runpy.run_path(str(TESTS / "chart" / "conftest.py")))
EVIL = "task=text,position=<script>document.title='owned'</script><img src=x onerror=alert(1)>"
METRICS = {
    row["metric"]: {"_unit_": row["unit"], "_sparser_": row["sparser"]}
    for row in SYNTHETIC.metrics().iter_rows(named=True)
}
PLAN: dict[str, Any] = {
    "suite": "default",
    "digest": "0123456789abcdef",
    "git": "5e357ed",
    "inputs": {"collect": "fedcba"},
    "nodes": {
        "chart": {p.stem: yaml.safe_load(p.read_text()) for p in SYNTHETIC.CONF.glob("*.yaml")},
        "metric": METRICS,
    },
    "skipped": [{"name": "task=text,attention=x", "reason": "it needs </script> a score matrix"}],
    "versions": {"altair": "6"},
    "sources": {},
}


def evil_tables() -> dict[str, pl.DataFrame]:
    """Give the tables with a variant whose name is a script."""
    rename = pl.col("variant").replace("task=text,position=none", EVIL)
    return {kind: table.with_columns(rename) for kind, table in SYNTHETIC.raw_tables().items()}


def write(tables: dict[str, pl.DataFrame], folder: Path) -> Path:
    """Write the tables into a folder."""
    folder.mkdir(exist_ok=True)
    for kind, frame in ({kind: empty(kind) for kind in JUDGED} | tables).items():
        frame.write_parquet(folder / f"{kind}.parquet")
    return folder


def page(folder: Path, tables: dict[str, pl.DataFrame], **plan: Any) -> Path:
    """Make the report of some tables in a process of its own."""
    (folder / "plan.json").write_text(json.dumps(PLAN | plan))
    arguments = [folder / "plan.json", write(tables, folder / "tables"), folder / "page.html"]
    command = [sys.executable, "-m", "kexue_pipe.report", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=TESTS.parent)
    return folder / "page.html"
