"""`kexue-pipe list` and `prune`: what a suite uses stays, and so does what nobody knows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kexue_pipe.command import results
from kexue_pipe.core.kept_data import kept_folder
from kexue_pipe.graph import plans, workflow
from kexue_pipe.graph.errors import Refused

NAME = "task=text,size=smoke"
FILES = ("seed-0.json", "seed-0.parquet", "seed-0.safetensors", "seed-1.resume.safetensors")
OLD, FORGOTTEN = "1" * 24, "2" * 24


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a store with a training of today, one that was made last, and one that none uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results, "suites", lambda: [NAME])
    workflow.configure("default", 1, "auto")
    workflow.train_plan_of.cache_clear()
    today = workflow.train_plan_of(NAME)[0]["digest"]
    manifest = Path("results/train") / NAME / "checkpoints.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"digest": OLD, "seeds": []}))
    for digest in (today, OLD, FORGOTTEN):
        folder = tmp_path / "results/store" / digest
        folder.mkdir(parents=True)
        for file in FILES:
            (folder / file).write_bytes(b"x" * 250_000)
    yield tmp_path / "results/store"
    while workflow._locks:
        workflow._locks.pop().close()


def files(store: Path) -> set[str]:
    return {str(path.relative_to(store)) for path in store.rglob("*") if not path.is_dir()}


def test_only_what_no_suite_uses_is_deleted_and_only_when_asked(store: Path, capsys) -> None:
    before = files(store)
    assert results.prune([]) == 0
    shown = capsys.readouterr().out
    assert f"{FORGOTTEN}: 4 files, 1.0 MB" in shown and OLD not in shown
    assert files(store) == before
    results.prune(["dry_run=false"])
    assert files(store) == {name for name in before if FORGOTTEN not in name}
    assert not (store / FORGOTTEN).exists()
    results.prune([])
    assert "0.0 MB of checkpoints" in capsys.readouterr().out


def test_what_is_not_known_stays(store: Path, tmp_path: Path, capsys) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "seed-0.safetensors").write_text("mine")
    (store / FORGOTTEN / "notes.txt").write_text("mine")
    (store / FORGOTTEN / "seed-7.safetensors").symlink_to(precious / "seed-0.safetensors")
    (store / ("3" * 24)).symlink_to(precious)
    (store / "backup").mkdir()
    (store / "backup/seed-0.json").write_text("mine")
    results.prune(["dry_run=false"])
    kept = files(store)
    assert f"{FORGOTTEN}/notes.txt" in kept and "backup/seed-0.json" in kept
    assert f"{FORGOTTEN}/seed-7.safetensors" in kept
    assert not any(f"{FORGOTTEN}/{name}" in kept for name in FILES)
    assert (precious / "seed-0.safetensors").read_text() == "mine"
    assert "notes.txt is not known and stays" in capsys.readouterr().out


def test_read_data_stay_while_a_suite_uses_them(store: Path, tmp_path: Path, monkeypatch) -> None:
    own = tmp_path / "own.txt"
    own.write_text("text")
    name = "task=text,size=smoke,task.path=own.txt"
    ((_, digest),) = workflow.train_plan_of(name)[0]["inputs"].items()
    used, old = kept_folder(digest), kept_folder("f" * 24)
    for folder in (used, old):
        folder.mkdir()
        for file in ("content.bin", "index.npz", ".lock", ".tmp-7.bin", "seed-0.json"):
            (folder / file).write_text("x")
    monkeypatch.setattr(results, "suites", lambda: [NAME, name])
    results.prune(["dry_run=false"])
    assert len(list(used.iterdir())) == 5
    assert [path.name for path in old.iterdir()] == ["seed-0.json"]  # no file of read data
    own.unlink()
    workflow.train_plan_of.cache_clear()
    plans._hash_data.cache_clear()
    with pytest.raises(Refused, match="own.txt cannot be read.*or delete"):
        results.prune([])


def test_nothing_is_deleted_when_a_suite_is_not_understood(store: Path, monkeypatch) -> None:
    before = files(store)
    monkeypatch.setattr(results, "suites", lambda: ["task=text,position=gone"])
    with pytest.raises(Refused, match="is not known any more"):
        results.prune(["dry_run=false"])
    assert files(store) == before


@pytest.mark.parametrize("words", [["seeds=3"], ["everything=true"], ["dry_run=maybe"], ["now"]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(Refused):
        results.prune(words)


def test_the_listing_names_variants_with_their_size_and_suites(store: Path, capsys) -> None:
    results.show()
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if f" {NAME} " in line]
    assert [cell.strip() for cell in line.split("│")[1:-1]] == [NAME, "0", "1.0", NAME]
    assert "1 trainings that no suite uses" in shown
