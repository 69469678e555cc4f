"""The report stage: collected tables in, one HTML file out that needs nothing else.

    python -m kexue_pipe.report results/plans/report/{suite}/plan.json results/tables/{suite} \
        results/report/{suite}.html
    python -m kexue_pipe.report ... results/report/figures/{suite} --figures

The plan says which charts are drawn and where the numbers come from; all numbers come from the
tables. Charts without rows are left out, and so is a section without charts. No torch.
"""

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from kexue_pipe.core import statistics, theme
from kexue_pipe.core.files import atomic_write
from kexue_pipe.core.language import Language
from kexue_pipe.core.tables import JUDGED, TABLES, read_table
from kexue_pipe.graph.worker import load_plan, run, say
from kexue_pipe.page import contents, findings, page, plots
from kexue_pipe.page.figures import write_figures

SECTIONS = plots.SECTIONS
MEASURED = [kind for kind in TABLES if kind not in JUDGED]


def load(folder: str | Path, beside: str | Path | None, plan: dict) -> dict[str, pl.DataFrame]:
    """Read the tables of a suite, add the baseline's rows that it lacks, and name every series."""
    tables = {kind: read_table(kind, Path(folder) / f"{kind}.parquet") for kind in TABLES}
    aside = pl.col("variant").is_in(plan.get("aside", []))
    tables |= {kind: tables[kind].filter(~aside) for kind in MEASURED}
    new: list[str] = []
    if beside is not None:
        own = tables["variants"]["variant"].to_list()
        known = read_table("variants", Path(beside) / "variants.parquet")["variant"].to_list()
        new = [name for name in own if name not in known]
        for kind in MEASURED:
            rest = read_table(kind, Path(beside) / f"{kind}.parquet")
            rest = rest.filter(~pl.col("variant").is_in(own))
            tables[kind] = pl.concat([tables[kind], rest]).sort(TABLES[kind].key)
    nodes = plan.get("nodes", {}).get("metric", {})
    metrics = [
        (name, node.get("_unit_") or "1", node.get("_sparser_"))
        for name, node in sorted(nodes.items())
    ]
    schema = {"metric": pl.String, "unit": pl.String, "sparser": pl.String}
    tables["metrics"] = pl.DataFrame(metrics, schema=schema, orient="row")
    tables["variants"] = theme.identify(tables["variants"], new)
    return tables


def render(plan: dict[str, Any], tables: dict[str, pl.DataFrame]) -> str:
    """Write the page in the language of the plan."""
    texts, groups = dict.fromkeys(("digest", "git"), ""), ("versions", "inputs", "nodes")
    plan = texts | {key: {} for key in groups} | {"skipped": []} | plan
    language = Language(plan["nodes"].get("language", "en"))
    drawn = list(plots.charts(tables, plan, language))
    rows, ledger = contents.variants(tables, plan), contents.claims(tables, language)
    facts = contents.facts(tables)
    context: dict[str, Any] = {
        "plan": plan,
        "facts": facts,
        "few": facts["seeds"][1] < statistics.MIN_SEEDS,
        "findings": findings.findings(tables, language=language.code),
        "claims": ledger,
        "verdicts": {v: sum(c["verdict"] == v for c in ledger) for v in contents.VERDICTS},
        "sections": {
            key: language(title)
            for key, title in SECTIONS.items()
            if any(chart["section"] == key for chart in drawn)
        },
        "charts": drawn,
        "variants": rows,
        "pictures": contents.pictures(tables, language),
        "components": contents.components(rows, tables, language),
        "posts": contents.index(ledger, [chart["name"] for chart in drawn]),
    }
    context["documents"] = contents.documents(context, language)
    return page.write(context, language)


def main() -> None:
    """Write the report of a plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--figures", action="store_true", help="write every chart as an SVG file")
    arguments = parser.parse_args()
    plan = load_plan(arguments.plan)
    tables = load(arguments.tables, plan.get("beside"), plan)
    if arguments.figures:
        drawn = plots.charts(tables, plan, Language(plan["nodes"].get("language", "en")))
        write_figures({chart["name"]: plots.alone(chart) for chart in drawn}, arguments.output)
    else:
        atomic_write(arguments.output, render(plan, tables))
    say(f"report {plan['suite']}: {arguments.output}")


if __name__ == "__main__":
    run(main)
