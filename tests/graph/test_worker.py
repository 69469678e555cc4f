"""What a worker does besides its work."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kexue_pipe.core.data_hash import data_hash
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.sources import module_digest
from kexue_pipe.graph.worker import Progress, _alive, load_plan


def test_a_process_that_is_dead_but_not_reaped_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert _alive(process.pid) and _alive(os.getpid()) and _alive(1)
    process.kill()
    deadline = time.monotonic() + 10
    while _alive(process.pid):
        assert time.monotonic() < deadline
    process.communicate()
    assert not _alive(process.pid)


def test_a_plan_whose_source_was_edited_since_is_refused(tmp_path: Path) -> None:
    module = "kexue_pipe.position.alibi"
    plan = tmp_path / "plan.json"
    plan.write_text(f'{{"sources": {{"{module}": "{module_digest(module)}"}}}}')
    assert load_plan(plan)["sources"]
    plan.write_text(f'{{"sources": {{"{module}": "0"}}}}')
    with pytest.raises(Refused, match="edited after this run was planned"):
        load_plan(plan)


def test_a_plan_whose_data_were_edited_since_is_refused(tmp_path: Path) -> None:
    data, plan = tmp_path / "own.txt", tmp_path / "plan.json"
    data.write_text("one")
    inputs = {str(data): data_hash(data)}
    plan.write_text(json.dumps({"stage": "train", "sources": {}, "inputs": inputs}))
    assert load_plan(plan)["inputs"] == inputs
    data.write_text("two")
    with pytest.raises(Refused, match="own.txt was edited after this run was planned"):
        load_plan(plan)


def test_progress_says_where_a_loop_stands_and_what_is_left(capsys) -> None:
    progress = Progress("train x", 100, seconds=0.0)
    progress.step(41, "loss 1.5")
    assert capsys.readouterr().out.startswith("train x: step 41/100, loss 1.5, ")
    patient = Progress("train x", 100, seconds=60.0)
    patient.step(41, "loss 1.5")
    assert capsys.readouterr().out == ""
