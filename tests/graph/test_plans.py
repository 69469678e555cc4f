"""Plans: newer than their outputs exactly when these were made from something else."""

import json
import pickle
from pathlib import Path

import polars as pl
import pytest
import torch

from kexue_pipe.core.store import Seed
from kexue_pipe.core.tables import empty, write_table
from kexue_pipe.evaluate import choices
from kexue_pipe.graph import outputs, plans, workflow
from kexue_pipe.graph.names import variant

KINDS = ("runs", "training")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for kind in KINDS:
        write_table(kind, empty(kind), tmp_path / "out" / f"{kind}.parquet", "a" * 24)
    return tmp_path / "out"


def write(folder: Path, digest: str) -> tuple[bool, str]:
    """Write a plan; say whether it is newer than an output, and the reason that it gives."""
    plan = {"stage": "evaluate", "digest": digest}
    path = outputs.write_plan(plan, "task=text", outputs.tables(str(folder), KINDS))
    made = [p.stat().st_mtime_ns for p in folder.glob("*.parquet")]
    newer = not made or path.stat().st_mtime_ns > min(made)
    return newer, json.loads(path.read_text())["rerun"]


def test_a_plan_is_not_newer_than_outputs_that_bear_its_digest(folder: Path) -> None:
    assert write(folder, "a" * 24) == (False, "")


def test_a_plan_is_newer_after_an_edit_and_no_more_after_its_revert(folder: Path) -> None:
    newer, reason = write(folder, "b" * 24)
    assert newer and "was made from aaa" in reason
    assert write(folder, "a" * 24) == (False, "")


@pytest.mark.parametrize("damage", [b"", b"PAR1 nonsense PAR1"])
def test_a_damaged_output_is_a_reason_with_its_name(folder: Path, damage: bytes) -> None:
    (folder / "runs.parquet").write_bytes(damage)
    newer, reason = write(folder, "a" * 24)
    assert newer and "runs.parquet is not whole" in reason


def test_a_foreign_table_is_a_reason(folder: Path) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(folder / "runs.parquet")
    assert "no digest in it" in write(folder, "a" * 24)[1]


def test_a_missing_output_is_a_reason(folder: Path) -> None:
    (folder / "runs.parquet").unlink()
    assert "does not exist" in write(folder, "a" * 24)[1]


def test_a_manifest_vouches_for_its_checkpoints(folder: Path) -> None:
    manifest = folder / "checkpoints.json"
    files = Seed(folder.parent, folder.name, 0)
    write_table("training", empty("training"), files.curve_path, "")
    files.finish(torch.nn.Linear(1, 1), {"seed": 0})
    entry = {"seed": 0, "file": str(folder / "seed-0.safetensors")}
    manifest.write_text(json.dumps({"digest": "a" * 24, "seeds": [entry]}))
    read = outputs.train_outputs(folder, 1)[manifest]
    assert read(manifest) == "a" * 24 and outputs.finished_seeds(manifest) == 1
    with pytest.raises(ValueError, match="1 of 2 seeds"):
        outputs.train_outputs(folder, 2)[manifest](manifest)
    for path in (files.stem.with_suffix(".json"), files.curve_path, files.model_path):
        whole = path.read_bytes()
        for damage in (b"", whole[:-1], pickle.dumps({"weight": [1.0]})):
            path.write_bytes(damage)
            with pytest.raises(ValueError, match=f"{path.name} is cut off or no such file"):
                read(manifest)
        path.write_bytes(whole)
        assert read(manifest) == "a" * 24
    (folder / "seed-0.safetensors").unlink()
    with pytest.raises(ValueError, match="seed-0.safetensors is missing"):
        read(manifest)


def test_digests_follow_what_a_stage_reads() -> None:
    def digest(stage: str, *overrides: str) -> str:
        found = variant(["size=smoke", *overrides])
        train = plans.train_plan(found.name, {"nodes": found.nodes}, 1)
        plain = {"nodes": found.nodes, "chosen": found.chosen}
        return (train if stage == "train" else plans.evaluate_plan("x", plain, train))["digest"]

    for evaluated in ("extension.ntk.k=4", "task.evaluate.lengths=[64]", "extension=[none]"):
        assert digest("train", evaluated) == digest("train")
        assert digest("evaluate", evaluated) != digest("evaluate")
    for trained in ("position.base=500", "optimizer.lr=1e-3", "task.train.steps=7"):
        assert digest("train", trained) != digest("train")
    assert digest("evaluate", "position.base=500") != digest("evaluate")


def test_the_file_of_a_user_is_part_of_the_digest(tmp_path: Path) -> None:
    digests = set()
    for text in ("one", "two"):
        path = tmp_path / text
        path.write_text(text)
        found = variant([f"task.path={path}"])
        digests.add(plans.train_plan("x", {"nodes": found.nodes}, 1)["inputs"][str(path)])
    assert len(digests) == 2


def test_the_charts_that_an_override_names_are_the_charts_of_its_report(folder: Path) -> None:
    workflow.configure("default", 1, "cpu")
    plan, _ = workflow.report_plan_of("task=text,chart=[training_curve],size=smoke")
    assert list(plan["nodes"]["chart"]) == ["training_curve"]
    assert plan["variants"] == ["task=text,size=smoke"] and plan["beside"] is None


def test_a_baseline_with_the_columns_of_another_version_is_not_shown(folder: Path) -> None:
    default = Path("results/tables/default")
    for kind in workflow.COLLECTED:
        write_table(kind, empty(kind), default / f"{kind}.parquet", "d")
    assert workflow._beside("task=text") == str(default)
    empty("timing").drop("cpu_seconds").write_parquet(default / "timing.parquet")
    assert workflow._beside("task=text") is None


def chosen(*overrides: str) -> dict[str, str]:
    """Give the options that the evaluation of a variant writes into its table."""
    plain = {"nodes": variant([*overrides]).nodes, "chosen": variant([*overrides]).chosen}
    return choices(plans.evaluate_plan("x", plain, plans.train_plan("x", plain, 1)))


@pytest.mark.parametrize(
    ("name", "group", "option"),
    [
        ("task=text", "attention.scale", "rsqrt"),
        ("task=text,attention=logn", "attention.scale", "logn"),
        ("task=text,attention.scale=logn", "attention.scale", "logn"),
        ("task=text,decode=nbce", "decode", "nbce"),
        ("task=patches,quantizer=vq", "model", "autoencoder"),
        ("task=patches,quantizer=vq", "quantizer.estimator", "ste"),
        ("task=grid,position=rope_2d", "position_ids", "grid"),
        ("task=text,position=rope_2d,position_ids=ordinal", "position_ids", "ordinal"),
    ],
)
def test_the_options_of_a_variant_hold_nested_ones(name: str, group: str, option: str) -> None:
    assert chosen(*name.split(","))[group] == option


def test_images_have_no_position_and_text_no_quantizer() -> None:
    assert "position" not in chosen("task=patches") and "quantizer" not in chosen("task=text")
    assert not [option for option in chosen("task=text").values() if "[" in option]
