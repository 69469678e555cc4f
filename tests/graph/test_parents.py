"""Trainings that start from a trained model: whose, whose seeds, and what is said if it fails."""

import json
import math
from pathlib import Path

import polars as pl
import pytest
import torch

from kexue_pipe import evaluate, load, train
from kexue_pipe.command import why
from kexue_pipe.core.components import load_parent
from kexue_pipe.core.store import STORE, Seed
from kexue_pipe.core.tables import empty, write_table
from kexue_pipe.graph import compositions, plans, workflow
from kexue_pipe.graph.errors import Misfit, Refused
from kexue_pipe.graph.names import variant

CHILD = ["task=codes", "position=rope_2d", "size=smoke", "size.steps=0.002", "size.channels=8"]
CHILD += ["size.evaluate.documents=1", "task.evaluate.max_factor=1", "extension=[none]"]


def parent_of(*overrides: str) -> str | None:
    return variant(["task=codes", *overrides]).parent


@pytest.mark.parametrize(
    ("overrides", "parent"),
    [
        (["quantizer=fsq", "position=rope_2d"], "task=patches,quantizer=fsq"),
        (["position=alibi", "optimizer.lr=1e-3"], "task=patches,quantizer=fsq"),
        (["extension.ntk.k=4", "size.evaluate.documents=2"], "task=patches,quantizer=fsq"),
        (["quantizer=vq", "quantizer.K=64"], "task=patches,quantizer.K=64,quantizer=vq"),
        (["size=smoke", "size.channels=8"],
         "task=patches,quantizer=fsq,size.channels=8,size=smoke"),
        (["task.parent.token_size=2"], "task=patches,quantizer=fsq,task.token_size=2"),
        (["task.train_length=16"], "task=patches,quantizer=fsq"),
    ],
)  # fmt: skip
def test_the_parent_has_the_same_quantizer_and_size(overrides: list[str], parent: str) -> None:
    assert parent_of(*overrides) == parent


def test_a_nested_choice_of_the_quantizer_is_that_of_the_parent() -> None:
    parent = parent_of("quantizer=vq", "quantizer.estimator=rotation")
    assert parent == "task=patches,quantizer.estimator=rotation,quantizer=vq"


def test_other_tasks_start_from_nothing() -> None:
    assert variant(["task=text"]).parent is None and variant(["task=patches"]).parent is None


@pytest.mark.parametrize("quantizer", ["none", "kl"])
def test_a_quantizer_without_codes_is_refused_with_the_reason(quantizer: str) -> None:
    with pytest.raises(Misfit, match=f"quantizer={quantizer}: a quantizer without codes leaves"):
        parent_of(f"quantizer={quantizer}")


def test_a_value_that_the_parent_refuses_is_refused() -> None:
    with pytest.raises(Refused, match="task.token_size=3: this must be one of 2, 4, 8"):
        parent_of("task.parent.token_size=3")


def planned(*overrides: str) -> tuple[str, str]:
    """Give the train digests of a child and of its parent."""
    child = variant(["task=codes", "size=smoke", *overrides])
    assert child.parent
    own = plans.train_plan("p", {"nodes": variant(child.parent.split(",")).nodes}, 1)
    return plans.train_plan("c", {"nodes": child.nodes}, 1, own)["digest"], own["digest"]


def test_the_digest_of_the_parent_is_in_that_of_the_child_and_not_the_other_way() -> None:
    child, parent = planned()
    turned, same = planned("position=rope_2d")
    assert turned != child and same == parent
    other, changed = planned("quantizer.eta=0.002")
    assert other != child and changed != parent


def test_prune_and_why_count_the_trainings_that_a_variant_stands_on() -> None:
    child = ["task=patches,quantizer=fsq,size=smoke", "task=codes,size=smoke"]
    assert compositions.trainings("task=codes,size=smoke") == child
    assert compositions.trainings("task=codes,extension=[none],size=smoke") == child
    assert ("train", child[0]) in why.needs("evaluate", child[1])


def write_manifest(name: str, seeds: int) -> None:
    path = Path(f"results/train/{name}/checkpoints.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"digest": "x", "seeds": [{"seed": s} for s in range(seeds)]}))


@pytest.mark.parametrize(
    ("asked", "child", "parent", "expected"),
    [(1, 0, 0, 1), (3, 1, 1, 3), (1, 3, 3, 3), (1, 3, 1, 1), (2, 3, 0, 2), (1, 1, 4, 1)],
)
def test_a_child_keeps_the_seeds_that_its_parent_has_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, child: int, parent: int, expected
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workflow, "_asked", lambda name: asked)
    write_manifest("task=codes,size=smoke", child)
    write_manifest("task=patches,quantizer=fsq,size=smoke", parent)
    workflow.train_plan_of.cache_clear()
    plan = workflow.train_plan_of("task=codes,size=smoke")[0]
    own = workflow.train_plan_of("task=patches,quantizer=fsq,size=smoke")[0]
    workflow.train_plan_of.cache_clear()
    assert plan["seeds"] == expected <= own["seeds"]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, dict]:
    """Train a parent and a child for a step or two; give their folder and their plans."""
    root = tmp_path_factory.mktemp("family")
    found = variant(CHILD)
    assert found.parent
    parent = plans.train_plan(found.parent, {"nodes": variant(found.parent.split(",")).nodes}, 1)
    name = "task=codes,position=rope_2d,size.channels=8,size.steps=0.002,size=smoke"
    child = plans.train_plan(name, {"nodes": found.nodes}, 1, parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train.train_seed(parent, 0, Seed(STORE, parent["digest"], 0))
        records = [train.train_seed(child, 0, Seed(STORE, child["digest"], 0))]
        train._write(child, records, root / "results/train" / name)
    path = root / "results/plans/train" / name / "plan.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(child))
    return root, parent, child


def test_a_child_is_evaluated_and_loaded_with_its_parent(family, monkeypatch) -> None:
    root, _, child = family
    monkeypatch.setattr(load, "ROOT", root)
    model = load.load(child["variant"])
    assert model.embedding.num_embeddings == 241  # levels 8, 6, 5 and the first token
    monkeypatch.chdir(root)
    found = variant(CHILD)
    plan = plans.evaluate_plan("x", {"nodes": found.nodes, "chosen": found.chosen}, child)
    manifest = root / "results/train" / child["variant"] / "checkpoints.json"
    Path("plan.json").write_text(json.dumps(plan))
    monkeypatch.setattr("sys.argv", ["evaluate", "plan.json", str(manifest), "tables"])
    evaluate.main()
    row = pl.read_parquet("tables/variants.parquet").row(0, named=True)
    assert (row["quantizer"], row["position"], row["pixels_per_token"]) == ("fsq", "rope_2d", 16)
    assert set(pl.read_parquet("tables/levels.parquet")["level"]) == {"unigram", "left", "above"}


def test_a_missing_seed_of_the_parent_is_a_sentence(family, monkeypatch) -> None:
    root, parent, child = family
    monkeypatch.chdir(root)
    with pytest.raises(FileNotFoundError, match=r"the parent that seed 1 .* start snakemake again"):
        load_parent(child["nodes"], 1)


def test_a_diverged_parent_is_a_status_of_the_child(family, tmp_path, monkeypatch) -> None:
    root, parent, child = family
    monkeypatch.chdir(tmp_path)
    model = load_parent(child["nodes"], 0, root).model
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    files = Seed(STORE, parent["digest"], 0)
    files.stem.parent.mkdir(parents=True)
    write_table("training", empty("training"), files.curve_path, "")
    files.finish(model, {"status": "diverged"})
    own = Seed(STORE, child["digest"], 0)
    record = train.train_seed(child, 0, own)
    assert (record["status"], record["steps"]) == ("parent diverged", 0)
    assert own.record() == record
    train._write(child, [record], tmp_path / "out")
    found = variant(CHILD)
    plan = plans.evaluate_plan("x", {"nodes": found.nodes, "chosen": found.chosen}, child)
    Path("plan.json").write_text(json.dumps(plan))
    monkeypatch.setattr("sys.argv", ["evaluate", "plan.json", "out/checkpoints.json", "tables"])
    evaluate.main()
    (row,) = pl.read_parquet("tables/runs.parquet").to_dicts()
    assert (row["status"], row["final_loss"], row["solved"]) == ("parent diverged", None, None)
    assert pl.read_parquet("tables/extrapolation.parquet").is_empty()
