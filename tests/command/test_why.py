"""`kexue-pipe why`: which job a file belongs to, what it stands on, and what is no such file."""

from pathlib import Path

import pytest

from kexue_pipe.command import why
from kexue_pipe.graph.errors import Refused

NAME = "task=text,position=alibi"


@pytest.mark.parametrize(
    ("file", "job"),
    [
        (f"evaluate/{NAME}/attention.parquet", ("evaluate", NAME)),
        (f"train/{NAME}", ("train", NAME)),
        ("tables/smoke/runs.parquet", ("collect", "smoke")),
        ("report/smoke.html", ("report", "smoke")),
        (f"plans/train/{NAME}/plan.json", ("train", NAME)),
    ],
)
def test_a_file_of_results_belongs_to_a_job(file: str, job: tuple[str, str]) -> None:
    assert why.job_of(file, Path(file).parts) == job


@pytest.mark.parametrize("file", ["", "logs/x", "README.md", "train", "store/abc/seed-0.json"])
def test_what_no_job_makes_is_refused(file: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused):
        why.job_of(file, Path(file).parts)


@pytest.mark.parametrize("files", [[], ["a", "b"], ["/etc/passwd"], ["nothing"], ["Makefile"]])
def test_what_cannot_be_explained_is_refused(files: list[str]) -> None:
    with pytest.raises(Refused, match="kexue-pipe why takes one file|is no file of results"):
        why.why(files)


def test_many_reasons_are_told_in_short() -> None:
    assert why.told(["a", "b"]) == "a; b"
    assert why.told([str(i) for i in range(20)]).endswith("; 11; 8 more")


def test_a_yaml_is_read_by_what_chose_it_and_reads_its_group() -> None:
    plan = {
        "sources": {"kexue_pipe.position.rope": "1"},
        "used": ["task", "position", "attention"],
        "chosen": {"position": "rope", "attention/mask": "causal", "quantizer": "none"},
        "nodes": {"tools": {"extension": {"yarn": {}}}},
    }
    assert why.reads(plan, ("kexue_pipe", "position", "rope.py"))
    assert why.reads(plan, ("conf", "position", "rope.yaml"))
    assert why.reads(plan, ("conf", "attention", "mask", "causal.yaml"))
    assert why.reads(plan, ("conf", "extension", "yarn.yaml"))
    for path in ("position/alibi", "quantizer/none", "extension/pi", "suite/smoke"):
        assert not why.reads(plan, ("conf", *f"{path}.yaml".split("/")))
