"""What stands on the page besides charts and findings: facts, variants, pictures, cards, posts."""

import base64
import io
import math
import shlex
from typing import Any

import polars as pl
from PIL import Image

from kexue_pipe.claim import words
from kexue_pipe.core.language import Language
from kexue_pipe.core.spelling import split_name
from kexue_pipe.page import cards, posts, strips
from kexue_pipe.page.scores import scores

PICTURE = 160  # pixels at the centre of a reconstruction that are shown
VERDICTS = ("supported", "contradicted", "inconclusive", "not run")


def facts(tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """Say what was run: variants, seeds, tasks, CPU-minutes and machines."""
    timing, runs = tables["timing"], tables["runs"]
    seeds = runs.group_by("variant").len()["len"]
    tasks = tables["variants"].group_by("task").len().sort("task").rows()
    minutes = dict(timing.group_by("stage").agg(pl.col("cpu_seconds").sum() / 60).rows())
    hashes = tables["variants"].filter(pl.col("data_hash") != "").select("task", "data_hash")
    return {
        "variants": tables["variants"].height,
        "runs": runs.height,
        "seeds": [seeds.min() or 0, seeds.max() or 0],
        "tasks": tasks,
        "minutes": {stage: minutes.get(stage) for stage in ("train", "evaluate")},
        "machines": timing["machine"].drop_nulls().unique().sort().to_list(),
        "built": tables["variants"]["versions"].drop_nulls().unique().sort().to_list(),
        "hashes": hashes.unique().sort("task", "data_hash").rows(),
    }


def variants(tables: dict[str, pl.DataFrame], plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what the tables of variants, of scores and of costs say about each variant."""
    runs = tables["runs"].group_by("variant").agg(
        seeds=pl.len(),
        diverged=(pl.col("status") != "finished").sum(),
        steps=pl.col("steps").max(),
        solved=pl.col("solved").sum(),
        judged=pl.col("solved").count(),
        circuit_step=pl.col("circuit_step").median(),
    )  # fmt: skip
    seconds = tables["timing"].group_by("variant", "stage").agg(pl.col("cpu_seconds").mean())
    joined = (
        tables["variants"].join(runs, on="variant", how="left").sort("task", "order", "variant")
    )
    stages = {(name, stage): value for name, stage, value in seconds.iter_rows()}
    reached = scores(tables)
    rows = []
    for row in joined.iter_rows(named=True):
        name = row["variant"]
        command = plan.get("commands", {}).get(name)
        row["command"] = command or shlex.join(["kexue-pipe", *split_name(name)])
        row |= {stage: stages.get((name, stage)) for stage in ("train", "evaluate")}
        row["unit"], row["near"], row["far"] = reached.get(name, ("", None, None))
        rows.append(row)
    return rows


def claims(tables: dict[str, pl.DataFrame], language: Language) -> list[dict[str, Any]]:
    """Give the rows of the table of claims, by verdict; none where there is no such table."""
    if "claims" not in tables:
        return []
    place = pl.col("verdict").replace_strict(VERDICTS, range(4), default=4)
    each = tables["claim_values"].sort("claim", "side", "seed")
    seeds = {key: part["value"].to_list() for key, part in each.group_by("claim", "side")}
    rows = tables["claims"].sort(place, "claim").to_dicts()
    for row in rows:
        sides = {side: seeds.get((row["claim"], side), []) for side in ("left", "right")}
        row["strip"] = strips.strip(sides, language(row["statement"]))
        row["hypothesis"] = words.hypothesis(row, language) if row["direction"] else ""
    return rows


def pictures(tables: dict[str, pl.DataFrame], language: Language) -> list[dict[str, Any]]:
    """Give the original, and the first seed's reconstruction by each variant, as data URIs."""
    frame = tables["reconstruction"].filter(pl.col("png").is_not_null())
    frame = frame.filter(pl.col("seed") == pl.col("seed").min().over("variant"))
    frame = frame.join(tables["variants"].select("variant", "label", "order"), on="variant")
    frame = frame.with_columns(exact=pl.col("split") == "original").sort("order", "variant")
    originals = frame.filter("exact").unique("png", keep="first", maintain_order=True)
    rows = pl.concat([originals, frame.filter(~pl.col("exact"))])
    return [_picture(row, language) for row in rows.iter_rows(named=True)]


def _picture(row: dict[str, Any], language: Language) -> dict[str, Any]:
    """Cut out the centre of a picture and say what it is."""
    picture = Image.open(io.BytesIO(row["png"]))
    left, top = (max(0, (size - PICTURE) // 2) for size in picture.size)
    width, height = (min(size, PICTURE) for size in picture.size)
    buffer = io.BytesIO()
    picture.crop((left, top, left + width, top + height)).save(buffer, "PNG", optimize=True)
    psnr = None if row["exact"] else 10 * math.log10(4 * row["n_pixels"] / row["squared_error"])
    return {
        "uri": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "label": language("the original") if row["exact"] else row["label"],
        "text": row["image"] if row["exact"] else f"{row['image']}, {psnr:.1f} dB",
        "width": width,
        "height": height,
    }


def components(
    rows: list[dict[str, Any]], tables: dict[str, pl.DataFrame], language: Language
) -> list[dict[str, Any]]:
    """Give every card with the variants that use it, and what the simplest of these costs."""
    users: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for choice in row["choices"].split():
            users.setdefault(choice, []).append(row)
    measured = {("extension", n) for n in tables["extrapolation"]["extension"].unique()}
    measured |= {("metric", name) for name in tables["attention"]["metric"].unique()}
    of_post: dict[str, list[posts.Post]] = {}
    for post in posts.posts():
        for choice in post.components:
            of_post.setdefault(choice, []).append(post)
    return [
        {
            "card": card,
            "users": users.get(card.choice, []),
            "used": card.choice in users or (card.group, card.name) in measured,
            "simplest": min(
                users.get(card.choice, []), key=lambda r: len(r["variant"]), default={}
            ),
            "posts": of_post.get(card.choice, []),
        }
        for card in cards.cards(language)
    ]


def index(ledger: list[dict[str, Any]], charts: list[str]) -> list[dict[str, Any]]:
    """Give each post with its components, where they stand, and the claims about it."""
    rows = []
    for post in posts.posts():
        own = [claim for claim in ledger if claim.get("post") == post.number]
        links = [(choice, _anchor(choice, charts)) for choice in post.components]
        rows.append({"post": post, "components": links, "claims": own})
    return rows


def _anchor(choice: str, charts: list[str]) -> str:
    """Give the anchor of a component; a dash where its chart is not drawn, empty if missing."""
    group, _, name = choice.partition("=")
    if not posts.exists(choice):
        return ""
    if group == "chart":
        return f"chart-{name}" if name in charts else "-"
    return f"card-{group}-{name}"


def documents(context: dict[str, Any], language: Language) -> list[list[str]]:
    """List what the search box finds: kind, title, place on the page, and words in two tongues."""
    chinese = Language("zh")
    found = [["finding", s, f"finding-{i}", ""] for i, s in enumerate(context["findings"], 1)]
    found += [
        [
            "claim",
            language(c["statement"]),
            f"claim-{c['claim']}",
            f"{c['verdict']} {c['statement']}",
        ]
        for c in context["claims"]
    ]
    found += [["chart", c["title"], f"chart-{c['name']}", c["caption"]] for c in context["charts"]]
    for row in context["components"]:
        card = row["card"]
        titles = " ".join(f"{p.number} {p.title}" for p in row["posts"])
        # its name weighs most: who types it looks for the card
        words = f"{card.choice} {card.choice} {card.sentence} {chinese(card.sentence)} {titles}"
        found.append(["component", f"{card.choice}: {language(card.sentence)}", card.anchor, words])
    found += [
        ["variant", row["variant"], f"variant={row['variant']}", row["label"]]
        for row in context["variants"]
    ]
    for row in context["posts"]:
        post, words = row["post"], " ".join(choice for choice, _ in row["components"])
        found.append(["post", post.title, f"post-{post.number}", f"{post.number} {words}"])
    return found
