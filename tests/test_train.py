"""Training: resumed bits, divergence as a status, the store, paired seeds."""

import json
import pickle
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from kexue_pipe import train
from kexue_pipe.core.components import build_model, build_task
from kexue_pipe.core.store import Seed, file_hash, load_weights
from kexue_pipe.graph import plans
from kexue_pipe.graph.names import variant

VARIANTS = {
    "decoder": ["size=smoke", "task.train.steps=240"],  # 12 steps
    "autoencoder": ["task=patches", "quantizer=vq", "size=smoke", "task.train.steps=240"],
}


def plan_of(overrides: list[str]) -> dict[str, Any]:
    found = variant(overrides)
    return plans.train_plan(found.name, {"nodes": found.nodes}, seeds=1)


class Killed(Exception):
    pass


@pytest.mark.parametrize("kind", VARIANTS)
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path: Path, monkeypatch, kind) -> None:
    plan = plan_of(VARIANTS[kind])
    whole = train.train_seed(plan, 0, Seed(tmp_path, "whole", 0))

    monkeypatch.setattr(train, "SAVE_EVERY", 5)
    step = train._step

    steps = iter(range(8))

    def killed_at_step_8(*arguments):
        if next(steps, None) is None:
            raise Killed
        return step(*arguments)

    broken = Seed(tmp_path, "broken", 0)
    monkeypatch.setattr(train, "_step", killed_at_step_8)
    with pytest.raises(Killed):
        train.train_seed(plan, 0, broken)
    assert broken.resume_path.is_file() and broken.record() is None
    monkeypatch.setattr(train, "_step", step)
    resumed = train.train_seed(plan, 0, broken)

    assert resumed["sha256"] == whole["sha256"]
    assert broken.curve_path.read_bytes() == Seed(tmp_path, "whole", 0).curve_path.read_bytes()
    assert not broken.resume_path.exists()


def test_a_truncated_saved_state_starts_again(tmp_path: Path, capsys) -> None:
    files = Seed(tmp_path, "digest", 0)
    files.resume_path.parent.mkdir()
    files.resume_path.write_bytes(b"\x10\0\0\0")
    train.train_seed(plan_of(VARIANTS["decoder"]), 0, files)
    assert files.record() is not None and "resumes" not in capsys.readouterr().out


def test_a_loss_that_is_not_finite_is_a_status(tmp_path: Path, monkeypatch) -> None:
    step = train._step

    losses = iter([None, None, None, float("nan")])

    def diverging(*arguments):
        loss, accuracy = step(*arguments)
        return next(losses) or loss, accuracy

    monkeypatch.setattr(train, "_step", diverging)
    files = Seed(tmp_path, "digest", 0)
    record = train.train_seed(plan_of(VARIANTS["decoder"]), 0, files)
    assert (record["status"], record["steps"]) == ("diverged", 4)
    assert files.record() == record
    assert pl.read_parquet(files.curve_path)["step"].max() == 4


def test_a_damaged_checkpoint_is_not_taken_for_finished(tmp_path: Path) -> None:
    files = Seed(tmp_path, "digest", 0)
    plan = plan_of(VARIANTS["decoder"])
    record = train.train_seed(plan, 0, files)
    assert files.record() == record
    files.model_path.write_bytes(files.model_path.read_bytes()[:-8])
    assert files.record() is None
    task = build_task(plan["nodes"])
    with pytest.raises(ValueError, match="is not the file that its manifest names"):
        load_weights(build_model(plan["nodes"], task, 0), files.model_path, record["sha256"])


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("dump", [pickle.dump, torch.save])
def test_a_pickle_is_refused_and_never_opened(tmp_path: Path, monkeypatch, dump) -> None:
    monkeypatch.chdir(tmp_path)
    files = Seed(tmp_path, "digest", 0)
    plan = plan_of(VARIANTS["decoder"])
    record = train.train_seed(plan, 0, files)
    for path in (files.model_path, files.resume_path):
        with open(path, "wb") as file:
            dump(Bomb(), file)
    assert files.record() is None
    model = build_model(plan["nodes"], build_task(plan["nodes"]), 0)
    for sha256 in (record["sha256"], file_hash(files.model_path)):
        with pytest.raises(ValueError, match="seed-0.safetensors is no.*; delete it and rerun"):
            load_weights(model, files.model_path, sha256)
    assert train.train_seed(plan, 0, files)["sha256"] == record["sha256"]
    assert not Path("exploded").exists()


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"[1]"])
def test_a_seed_whose_record_or_table_is_damaged_is_trained_again(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    files = Seed(tmp_path, "digest", 0)
    files.model_path.parent.mkdir()
    files.stem.with_suffix(suffix).write_bytes(content)
    plan = plan_of(["size=smoke", "task.train.steps=20"])  # one step
    assert files.record() is None
    record = train.train_seed(plan, 0, files)
    assert files.record() == record
    files.stem.with_suffix(suffix).write_bytes(content)
    assert files.record() is None


def test_variants_of_one_seed_share_data_and_the_init_of_shared_parts() -> None:
    rope, alibi = (plan_of(["size=smoke", f"position={p}"])["nodes"] for p in ("rope", "alibi"))
    tasks = [build_task(nodes) for nodes in (rope, alibi)]
    batches = [task.batch("train", 3, 5, 4) for task in tasks]
    assert torch.equal(batches[0].inputs, batches[1].inputs)
    states = [
        build_model(nodes, task, 3).state_dict()
        for nodes, task in zip((rope, alibi), tasks, strict=True)
    ]
    shared = states[0].keys() & states[1].keys()
    assert any("up.weight" in name for name in shared)
    assert all(torch.equal(states[0][name], states[1][name]) for name in shared)
    other = build_model(rope, tasks[0], 4).state_dict()
    assert not torch.equal(other["embedding.weight"], states[0]["embedding.weight"])


def test_the_plan_holds_no_seed_in_its_digest_and_no_evaluate_node() -> None:
    found = variant(["size=smoke"])
    one, two = (plans.train_plan("x", {"nodes": found.nodes}, seeds=n) for n in (1, 2))
    assert one["digest"] == two["digest"]
    assert "evaluate" not in json.dumps(one["nodes"])


def test_a_file_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_hash(tmp_path / "x").startswith("ba7816bf8f01cfea")
