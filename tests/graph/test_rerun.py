"""The edit table: what an edit reruns, on a temporary copy of the repository, with real runs.

Rows that only ask `snakemake -n` share one finished copy and restore what they edit.
"""

import json
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.graph.checkout import Checkout

pytestmark = pytest.mark.slow
ROPE, ALIBI = "task=text,size=smoke", "task=text,position=alibi,size=smoke"
FSQ = "task=patches,quantizer=fsq,size=smoke"
CODES = "task=codes,position=rope_2d,size=smoke"  # its parent is FSQ
SWEEPS = ["size=smoke task=text position=rope,alibi", "size=smoke task=patches quantizer=fsq"]
SWEEPS += ["size=smoke task=codes position=rope_2d"]
REPORT = {"collect default", "claims default", "report default"}
RULES = ("train", "evaluate", "collect", "claims", "report")


def job(stage: str, *names: str) -> set[str]:
    return {f"{stage} {name}" for name in names}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("rerun"), SWEEPS)
    told = checkout.run("snakemake", "-j2", "--verbose")
    wakes, jobs = map(told.count, ("Resources before job selection", "Finished jobid"))
    assert wakes <= jobs + 1  # the scheduler is woken by what ends, not by timers
    return checkout


@pytest.fixture
def checkout(finished: Checkout) -> Iterator[Checkout]:
    """Give the finished copy, and put its sources back afterwards."""
    saved = finished.path.with_name("saved")
    for name in ("conf", "kexue_pipe"):
        shutil.copytree(finished.path / name, saved / name)
    yield finished
    for name in ("conf", "kexue_pipe"):
        shutil.rmtree(finished.path / name)
        shutil.copytree(saved / name, finished.path / name)
    shutil.rmtree(saved)
    assert finished.planned() == set()  # every row ends with a revert, which reruns nothing


ALIBI_PY = "kexue_pipe/position/alibi.py"
TABLE = {
    "comment in position/alibi.py -> none": (
        [(ALIBI_PY, "import torch", "# a comment\nimport torch")],
        set(),
    ),
    "docstring word in position/alibi.py -> none": (
        [(ALIBI_PY, '"""', '"""Indeed: ')],
        set(),
    ),
    "number in position/alibi.py -> train and evaluate of the ALiBi variants, collect, report": (
        [(ALIBI_PY, "2.0 **", "2.5 **")],
        job("train", ALIBI) | job("evaluate", ALIBI) | REPORT,
    ),
    "helper used by rotary encodings only -> the rotary variants": (
        [("kexue_pipe/core/rotation.py", "-2.0", "-2.5")],
        job("train", ROPE, CODES) | job("evaluate", ROPE, CODES) | REPORT,
    ),
    "position of two axes -> the prior on codes, not the autoencoder that it starts from": (
        [("kexue_pipe/position/rope_2d.py", "2 * int(count)", "3 * int(count)")],
        job("train", CODES) | job("evaluate", CODES) | REPORT,
    ),
    "autoencoder -> it and the prior on its codes": (
        [("conf/model/autoencoder.yaml", "${size.channels}", "8")],
        job("train", FSQ, CODES) | job("evaluate", FSQ, CODES) | REPORT,
    ),
    "a metric -> every evaluation that measures attention, no training": (
        [("kexue_pipe/metric/entropy.py", "return nats(block)", "return 2.0 * nats(block)")],
        job("evaluate", ROPE, ALIBI, CODES) | REPORT,
    ),
    "a chart -> report only": (
        [("conf/chart/fixed_token_sweep.yaml", "_order_: ", "_order_: 1")],
        {"report default"},
    ),
    "extension.ntk key -> evaluate of the rotary variants, no training": (
        [("conf/extension/ntk.yaml", "k: null", "k: 8.0")],
        job("evaluate", ROPE) | REPORT,
    ),
    "task.evaluate.lengths -> evaluate, no training": (
        [("conf/task/text.yaml", "lengths: null", "lengths: [32, 64]")],
        job("evaluate", ROPE, ALIBI) | REPORT,
    ),
    "yaml comment -> none": (
        [("conf/position/alibi.yaml", "\n", "\n# a comment\n")],
        set(),
    ),
    "quantizer number -> its variants, and priors on their codes": (
        [("conf/quantizer/fsq.yaml", "eta: 0.001", "eta: 0.002")],
        job("train", FSQ, CODES) | job("evaluate", FSQ, CODES) | REPORT,
    ),
}


@pytest.mark.parametrize("row", TABLE)
def test_edit_reruns_exactly(checkout: Checkout, row: str) -> None:
    edits, expected = TABLE[row]
    for file, old, new in edits:
        checkout.edit(file, old, new)
    assert checkout.planned() == expected


def test_touch_reruns_nothing(checkout: Checkout) -> None:
    for path in checkout.path.joinpath("kexue_pipe").rglob("*.py"):
        os.utime(path)
    assert checkout.planned() == set()


def test_edit_with_an_old_timestamp_is_not_missed(checkout: Checkout) -> None:
    checkout.edit(ALIBI_PY, "2.0 **", "2.5 **")
    os.utime(checkout.path / ALIBI_PY, (0, 0))
    assert f"train {ALIBI}" in checkout.planned()


def test_key_order_in_yaml_reruns_nothing(checkout: Checkout) -> None:
    path = checkout.path / "conf/position/alibi.yaml"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(lines)]) + "\n")
    assert checkout.planned() == set()


def test_edit_after_the_records_of_snakemake_are_lost_is_not_missed(checkout: Checkout) -> None:
    shutil.move(checkout.path / ".snakemake", checkout.path / "kept")
    try:
        assert checkout.planned() == set()
        checkout.edit(ALIBI_PY, "2.0 **", "2.5 **")
        assert checkout.planned() == job("train", ALIBI) | job("evaluate", ALIBI) | REPORT
    finally:
        shutil.rmtree(checkout.path / ".snakemake")
        shutil.move(checkout.path / "kept", checkout.path / ".snakemake")


def test_new_component_runs_the_new_variants_only(checkout: Checkout) -> None:
    conf, code = checkout.path / "conf/position", checkout.path / "kexue_pipe/position"
    shutil.copy(code / "alibi.py", code / "mine.py")
    text = (conf / "alibi.yaml").read_text().replace("position.alibi.", "position.mine.")
    (conf / "mine.yaml").write_text(text)
    mine = ALIBI.replace("alibi", "mine")
    suite = checkout.path / "conf/suite/default.yaml"
    suite.write_text(suite.read_text().replace("rope,alibi", "rope,alibi,mine"))
    assert checkout.planned() == job("train", mine) | job("evaluate", mine) | REPORT


def test_an_override_reads_a_stale_baseline_and_does_not_bring_it_up_to_date(
    checkout: Checkout,
) -> None:
    checkout.edit("kexue_pipe/metric/entropy.py", "return nats(block)", "return 2.0 * nats(block)")
    asked = ["size=smoke", "seeds=1", "position=none"]
    planned = checkout.planned(*asked, program="kexue-pipe", dry="dry_run=true")
    name = ALIBI.replace("alibi", "none")
    assert planned == {f"{rule} {name}" for rule in RULES}


def test_another_position_on_the_same_codes_trains_no_autoencoder(checkout: Checkout) -> None:
    asked = ["size=smoke", "seeds=1", "task=codes", "quantizer=fsq", "position=rope"]
    planned = checkout.planned(*asked, program="kexue-pipe", dry="dry_run=true")
    name = "task=codes,size=smoke"
    assert planned == {f"{rule} {name}" for rule in RULES}


def test_a_lost_parent_is_made_again_and_nothing_is_trained_twice(finished: Checkout) -> None:
    before = finished.tables()
    (checkpoint,) = json.loads(before[f"results/train/{FSQ}/checkpoints.json"])["seeds"]
    (finished.path / checkpoint["file"]).unlink()
    assert {j for j in finished.planned() if "train" in j} == job("train", FSQ)
    finished.run("snakemake", "-j2")
    for name in (FSQ, CODES):  # as after a kill between the two
        shutil.rmtree(finished.path / f"results/train/{name}")
    output = finished.run("snakemake", "-j2")
    for name in (FSQ, CODES):
        assert f"{name} seed 0: in the store" in output
    assert finished.tables() == before and finished.planned() == set()


LOST = {
    f"train/{ALIBI}": job("train", ALIBI) | job("evaluate", ALIBI) | REPORT,
    f"evaluate/{ALIBI}": job("evaluate", ALIBI) | REPORT,
    "tables/default": REPORT,
}


@pytest.mark.parametrize("folder", LOST)
def test_what_is_lost_in_between_is_made_again(checkout: Checkout, folder: str) -> None:
    shutil.move(checkout.path / "results" / folder, checkout.path / "lost")
    assert checkout.planned() == LOST[folder]
    shutil.move(checkout.path / "lost", checkout.path / "results" / folder)


def test_a_damaged_or_missing_file_is_made_again(finished: Checkout) -> None:
    damaged = finished.path / f"results/evaluate/{FSQ}/codes.parquet"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    (checkpoint,) = [
        p for p in finished.path.glob("results/store/*/seed-0.safetensors")
        if p.parent.name in (finished.path / f"results/train/{ALIBI}/checkpoints.json").read_text()
    ]  # fmt: skip
    checkpoint.unlink()
    planned = finished.planned()
    assert {f"train {ALIBI}", f"evaluate {FSQ}"} <= planned
    before = finished.tables()
    finished.run("snakemake", "-j2")
    assert damaged.read_bytes() == whole
    assert {k: v for k, v in finished.tables().items() if "codes" not in k} == {
        k: v for k, v in before.items() if "codes" not in k
    }
    assert finished.planned() == set()


def test_more_seeds_train_only_the_new_one_and_fewer_train_none(finished: Checkout) -> None:
    output = finished.run("snakemake", "-j2", "--config", "seeds=2")
    for name in (ROPE, ALIBI, FSQ, CODES):
        assert f"{name} seed 0: in the store" in output
        assert f"{name} seed 1: finished" in output
    assert not any(job.startswith(("train", "evaluate")) for job in finished.planned())
    finished.run("snakemake", "-j2")


def test_an_override_leaves_nothing_to_do_and_two_spellings_train_once(finished: Checkout) -> None:
    output = finished.run("kexue-pipe", "size=smoke", "position.base=500.0", "seeds=1")
    assert "task=text,position.base=500,size=smoke seed 0: finished" in output
    assert finished.planned() == set()
    output = finished.run(
        "kexue-pipe", "position=rope", "position.base=5e2", "size=smoke", "seeds=1"
    )
    assert "Nothing to be done" in output


def test_suites_do_not_undo_each_other(finished: Checkout) -> None:
    (finished.path / "conf/suite/other.yaml").write_text(
        f"seeds: 1\nsweeps:\n  - {SWEEPS[0]}\n  - size=smoke task=text position=none\n"
    )
    output = finished.run("snakemake", "-j2", "--config", "suite=other")
    assert "position=none,size=smoke seed 0: finished" in output
    assert f"{ROPE} seed" not in output  # it stands in both suites and was trained before
    assert finished.planned() == set()
    assert finished.planned("--config", "suite=other") == set()
