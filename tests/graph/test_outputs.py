"""What changed since an output was made, in words."""

from pathlib import Path

import pytest

from kexue_pipe.core.tables import empty, write_table
from kexue_pipe.graph import outputs
from kexue_pipe.graph.changes import changes

OLD = {
    "stage": "evaluate",
    "digest": "a" * 24,
    "nodes": {
        "task": {"train": {"steps": 20}},
        "position": {"base": 10000.0},
        "settings": {"lengths": None},
        "tools": {"extension": {"yarn": {"k": 4.0}}},
    },
    "sources": {"kexue_pipe.position.rope": "1", "kexue_pipe.train": "2"},
    "versions": {"torch": "2.12"},
    "inputs": {"train": "x", "seeds": 1},
}
NEW = OLD | {
    "digest": "b" * 24,
    "nodes": {
        "task": {"train": {"steps": 20}},
        "position": {"base": 500.0},
        "settings": {"lengths": [64, 128]},
        "tools": {"extension": {"yarn": {"k": 4.0, "mine": "a b"}}},
    },
    "sources": {"kexue_pipe.position.rope": "3", "kexue_pipe.train": "2"},
    "versions": {"torch": "2.13"},
    "inputs": {"train": "y", "seeds": 3, "my.txt": "z"},
}
WORDS = [
    "position.base 10000 -> 500",
    "task.evaluate.lengths null -> [64,128]",
    "extension.yarn.mine nothing -> 'a b'",
    "source of kexue_pipe/position/rope.py",
    "version of torch 2.12 -> 2.13",
    "my.txt is new",
    "seeds 1 -> 3",
    "train changed",
]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> outputs.Outputs:
    """Give an output that was made from OLD, and the plan of that time."""
    monkeypatch.chdir(tmp_path)
    made = outputs.tables("out", ("runs",))
    outputs.write_plan(OLD, "x", made)
    write_table("runs", empty("runs"), "out/runs.parquet", OLD["digest"])
    outputs.write_plan(OLD, "x", made)
    return made


def test_changes_are_said_in_the_words_of_the_command_line() -> None:
    assert changes(OLD, NEW) == WORDS
    assert changes(OLD, OLD) == []
    assert "my.txt is gone" in changes(NEW, OLD)


def test_what_changed_is_known_after_the_plan_was_written_over(made: outputs.Outputs) -> None:
    assert outputs.why(OLD, "x", made) == []
    assert outputs.why(NEW, "x", made) == WORDS
    outputs.write_plan(NEW, "x", made)
    outputs.write_plan(NEW | {"digest": "c" * 24}, "x", made)
    assert outputs.why(NEW, "x", made) == WORDS
    outputs.write_plan(OLD, "x", made)
    assert outputs.why(OLD, "x", made) == []


def test_what_is_missing_damaged_or_without_a_plan_is_said(made: outputs.Outputs) -> None:
    write_table("runs", empty("runs"), "out/runs.parquet", "f" * 24)
    (reason,) = outputs.why(OLD, "x", made)
    assert reason == f"made from {'f' * 24}, of which no plan is kept"
    Path("out/runs.parquet").write_bytes(b"nonsense")
    assert "out/runs.parquet is not whole" in outputs.why(OLD, "x", made)[0]
    Path("out/runs.parquet").unlink()
    assert outputs.why(OLD, "x", made) == ["not made yet"]
