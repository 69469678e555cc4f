"""The two command lines: a mistake is one sentence, and exit code not 0; Hydra's own flags work."""

from pathlib import Path

import pytest

from tests.graph.checkout import Checkout

MISTAKES = {
    ("kexue-pipe", "position=ropee"): "did you mean rope?",
    ("kexue-pipe", "position.bass=3"): "did you mean base?",
    ("kexue-pipe", "+position.bass=3"): "it cannot add or remove any",
    ("kexue-pipe", "position.base=abc"): "a number is needed here",
    ("kexue-pipe", "seeds=many"): "a whole number is needed here",
    ("kexue-pipe", "-m", "seeds=1,2"): "for the whole run",
    ("kexue-pipe", "-m", "position=ropee,alibi"): "did you mean rope?",
    ("kexue-pipe", "device=tpu"): "is not one of",
    ("snakemake", "-j8", "--config", "suite=nope"): "there is no such suite; known: ",
    ("snakemake", "-j8", "--config", "sed=3"): "'sed' was unexpected",
    ("snakemake", "-j8", "--config", "seeds=0"): "less than the minimum of 1",
    ("snakemake", "-n", "results/train/task=text,position=rope/checkpoints.json"): "ask for task=t",
    ("snakemake", "-n", "results/report/task=text,position=ropee.html"): "did you mean rope?",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("main"), ["size=smoke task=text"])


@pytest.mark.parametrize("command", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_sentence(checkout: Checkout, command: tuple[str, ...]) -> None:
    code, output = checkout.try_run(*command)
    assert code != 0
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert MISTAKES[command] in sentence
    assert "Traceback" not in output


def test_a_wrong_key_of_the_configuration_writes_nothing(checkout: Checkout) -> None:
    checkout.try_run("kexue-pipe", "position.bass=3")
    assert not (checkout.path / "results/store").exists()


def test_cfg_shows_the_composed_configuration(checkout: Checkout) -> None:
    output = checkout.run("kexue-pipe", "--cfg", "job", "task=text", "position.base=100")
    assert "base: 100" in output and "_target_: kexue_pipe.position.rope.Rope" in output
    assert "ntk:" in output  # collections are full


def test_a_dry_run_of_a_sweep_lists_its_jobs_and_trains_nothing(checkout: Checkout) -> None:
    output = checkout.run("kexue-pipe", "-m", "position.base=100,1000", "dry_run=true")
    for base in (100, 1000):
        assert f"│ train    │ task=text,position.base={base} " in output
    assert "jobs, about 0.00 minutes of one core, and " in output
    assert not (checkout.path / "results/store").exists()


def test_a_plain_workflow_is_lint_free(checkout: Checkout) -> None:
    assert "good condition" in checkout.run("snakemake", "--lint")


def test_names_cannot_leave_results(checkout: Checkout, tmp_path: Path) -> None:
    for name in ("task=..%2F..%2Fx", "task=text,task.path=..%2F..%2Fx"):
        code, _ = checkout.try_run("snakemake", f"results/train/{name}/checkpoints.json", "-j1")
        assert code != 0
    assert not list(checkout.path.parent.glob("x*"))
