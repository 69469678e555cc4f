"""The report stage: collected tables in, one HTML file out that needs nothing else.

    python -m kexue_pipe.report results/plans/report/{suite}/plan.json results/tables/{suite} \
        results/report/{suite}.html

The plan says which charts are drawn and where the numbers come from; all numbers come from the
tables. Charts without rows are left out, and so is a section without charts. No torch.
"""

import argparse
import ast
import base64
import importlib
import io
import json
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from kexue_pipe.core import findings, statistics, theme
from kexue_pipe.core.files import atomic_write
from kexue_pipe.core.spelling import split_name
from kexue_pipe.core.tables import TABLES, read_table
from kexue_pipe.graph.worker import load_plan, run, say

ROOT = Path(__file__).parent
PICTURE = 160  # pixels at the centre of a reconstruction that are shown
SECTIONS = {
    "extrapolation": "Length extrapolation",
    "attention": "Attention",
    "quantizers": "Quantizers",
    "costs": "Training and costs",
}
COMPONENTS = ("task", "position", "attention", "quantizer")


def load(folder: str | Path, beside: str | Path | None, plan: dict) -> dict[str, pl.DataFrame]:
    """Read the tables of a suite, add the baseline's rows that it lacks, and name every series."""
    tables = {kind: read_table(kind, Path(folder) / f"{kind}.parquet") for kind in TABLES}
    new: list[str] = []
    if beside is not None:
        own = tables["variants"]["variant"].to_list()
        known = read_table("variants", Path(beside) / "variants.parquet")["variant"].to_list()
        new = [name for name in own if name not in known]
        for kind in TABLES:
            rest = read_table(kind, Path(beside) / f"{kind}.parquet")
            rest = rest.filter(~pl.col("variant").is_in(own))
            tables[kind] = pl.concat([tables[kind], rest]).sort(TABLES[kind].key)
    nodes = plan.get("nodes", {}).get("metric", {})
    metrics = [
        (name, node.get("_unit_") or "1", node.get("_sparser_"), bool(node.get("_across_lengths_")))
        for name, node in sorted(nodes.items())
    ]
    schema = {"metric": pl.String, "unit": pl.String, "sparser": pl.String}
    tables["metrics"] = pl.DataFrame(
        metrics, schema=schema | {"across_lengths": pl.Boolean}, orient="row"
    )
    tables["variants"] = theme.identify(tables["variants"], new)
    return tables


def charts(tables: dict[str, pl.DataFrame], plan: dict) -> Iterator[dict[str, Any]]:
    """Draw every chart of the plan that has rows, in the order of sections and of `_order_`."""
    nodes = plan.get("nodes", {}).get("chart", {})
    places = list(SECTIONS)
    for name in sorted(nodes, key=lambda n: (nodes[n].get("_order_", 0), n)):
        node = nodes[name]
        module = importlib.import_module(node["_target_"].rpartition(".")[0])
        knobs = {key: value for key, value in node.items() if not key.startswith("_")}
        frame = module.data(tables, **knobs)
        if frame.is_empty():
            continue
        frame = theme.compact(frame)
        with alt.data_transformers.enable("default", max_rows=None):
            spec = module.draw(frame, **knobs).to_dict()
        title, caption = node.get("_title_", name), " ".join(node.get("_caption_", "").split())
        for key in ("config", "$schema"):
            spec.pop(key, None)
        seeds = _seeds(frame)
        spec["description"] = f"{title}. {caption} {seeds}"
        section = node.get("_section_", places[-1])
        yield {
            "name": name,
            "section": section,
            "title": title,
            "caption": caption,
            "seeds": seeds,
            "spec": spec,
            "command": _chart_command(name, plan),
        }


def _seeds(frame: pl.DataFrame) -> str:
    low, high = (int(bound) for bound in theme.extent(frame, "k"))
    several = (
        f"n\u00a0=\u00a0{low} seed{'s' * (low != 1)}"
        if low == high
        else f"n\u00a0=\u00a0{low} to {high} seeds"
    )
    if high < statistics.MIN_SEEDS:
        return f"{several}: no interval."
    partly = ", no interval where there are fewer than 3" * (low < statistics.MIN_SEEDS)
    return f"{several}{partly}."


def _chart_command(name: str, plan: dict) -> str:
    commands = plan.get("commands", {})
    default = f"snakemake -j8 results/report/{plan['suite']}.html"
    return commands.get(name) or commands.get("report") or default


def variants(tables: dict[str, pl.DataFrame], plan: dict) -> list[dict[str, Any]]:
    """Give what the tables of variants and of costs say about each variant."""
    runs = tables["runs"].group_by("variant").agg(
        seeds=pl.len(),
        diverged=(pl.col("status") != "finished").sum(),
        steps=pl.col("steps").max(),
        solved=pl.col("solved").sum(),
        judged=pl.col("solved").count(),
        circuit_step=pl.col("circuit_step").median(),
    )  # fmt: skip
    seconds = tables["timing"].group_by("variant", "stage").agg(pl.col("seconds").mean())
    joined = (
        tables["variants"].join(runs, on="variant", how="left").sort("task", "order", "variant")
    )
    stages = {(name, stage): value for name, stage, value in seconds.iter_rows()}
    rows = []
    for row in joined.iter_rows(named=True):
        name = row["variant"]
        command = plan.get("commands", {}).get(name)
        row["command"] = command or shlex.join(["kexue-pipe", *split_name(name)])
        row |= {stage: stages.get((name, stage)) for stage in ("train", "evaluate")}
        rows.append(row)
    return rows


def pictures(tables: dict[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """Give the original, and the first seed's reconstruction by each variant, as data URIs."""
    frame = tables["reconstruction"].filter(pl.col("png").is_not_null())
    frame = frame.filter(pl.col("seed") == pl.col("seed").min().over("variant"))
    frame = frame.join(tables["variants"].select("variant", "label", "order"), on="variant")
    frame = frame.with_columns(exact=pl.col("split") == "original").sort("order", "variant")
    originals = frame.filter("exact").unique("png", keep="first", maintain_order=True)
    rows = pl.concat([originals, frame.filter(~pl.col("exact"))])
    return [_picture(row) for row in rows.iter_rows(named=True)]


def _picture(row: dict[str, Any]) -> dict[str, Any]:
    """Cut out the centre of a picture and say what it is."""
    picture = Image.open(io.BytesIO(row["png"]))
    left, top = (max(0, (size - PICTURE) // 2) for size in picture.size)
    width, height = (min(size, PICTURE) for size in picture.size)
    buffer = io.BytesIO()
    picture.crop((left, top, left + width, top + height)).save(buffer, "PNG", optimize=True)
    psnr = None if row["exact"] else 10 * math.log10(4 * row["n_pixels"] / row["squared_error"])
    return {
        "uri": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "label": "the original" if row["exact"] else row["label"],
        "text": row["image"] if row["exact"] else f"{row['image']}, {psnr:.1f} dB",
        "width": width,
        "height": height,
    }


def components(tables: dict[str, pl.DataFrame]) -> list[dict[str, str]]:
    """Give the sentence and the docstring of each component in use, read without importing it."""
    cards = []
    for group in COMPONENTS:
        for name in sorted({name for name in tables["variants"][group] if name}):
            conf, source = (
                ROOT.parent / "conf" / group / f"{name}.yaml",
                ROOT / group / f"{name}.py",
            )
            lines = conf.read_text().splitlines() if conf.is_file() else []
            targets = [line.split()[1] for line in lines if line.startswith("_target_:")]
            if not source.is_file() and targets:
                source = ROOT.parent / (targets[0].rpartition(".")[0].replace(".", "/") + ".py")
            text = (
                (ast.get_docstring(ast.parse(source.read_text())) or "") if source.is_file() else ""
            )
            sentence = lines[0].lstrip("# ") if lines and lines[0].startswith("#") else ""
            if text or sentence:
                cards.append({"group": group, "name": name, "sentence": sentence, "text": text})
    return cards


def embed(value: Any) -> Markup:
    """Give JSON that is safe inside a script element, whatever the strings hold."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def number(value: float | None) -> str:
    """Write a number with at most three significant digits and thin spaces, or a dash."""
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{round(value):,}".replace(",", "\u2009")
    return f"{value:.3g}"


def render(plan: dict, tables: dict[str, pl.DataFrame]) -> str:
    """Write the page."""
    drawn = list(charts(tables, plan))
    environment = Environment(
        loader=FileSystemLoader(ROOT), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"json": embed, "number": number}
    counts = tables["runs"].group_by("variant").len()["len"].to_list()
    seeds = max(counts, default=0)
    bundle = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=".".join(alt.SCHEMA_VERSION[1:].split(".")[:2])
    )
    hashes = tables["variants"].filter(pl.col("data_hash") != "").select("task", "data_hash")
    return environment.get_template("report_template.html").render(
        plan={"digest": "", "skipped": [], "versions": {}, "git": ""} | plan,
        findings=findings.findings(tables),
        sections={s: t for s, t in SECTIONS.items() if any(c["section"] == s for c in drawn)},
        charts=drawn,
        variants=variants(tables, plan),
        pictures=pictures(tables),
        components=components(tables),
        hashes=hashes.unique().sort("task", "data_hash").rows(),
        machines=tables["timing"]["machine"].drop_nulls().unique().sort().to_list(),
        built=tables["variants"]["versions"].drop_nulls().unique().sort().to_list(),
        seeds=seeds,
        few=seeds < statistics.MIN_SEEDS,
        configs={"light": theme.config(False), "dark": theme.config(True), "swap": theme.ON_DARK},
        bundle=Markup(bundle.replace("</script", "<\\/script")),
    )


def main() -> None:
    """Write the report of a plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    plan = load_plan(arguments.plan)
    tables = load(arguments.tables, plan.get("beside"), plan)
    atomic_write(arguments.output, render(plan, tables))
    say(f"report {plan['suite']}: {arguments.output}")


if __name__ == "__main__":
    run(main)
