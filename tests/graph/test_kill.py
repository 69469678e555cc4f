"""Kill anything at any moment: plain `snakemake` finishes, with the same bytes."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.graph.checkout import Checkout

pytestmark = pytest.mark.slow
SWEEPS = ["size=smoke task=text position=rope,alibi task.train.steps=6000"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"), SWEEPS)
    checkout.run("snakemake", "-j1")
    return checkout.tables()


def workers(checkout: Checkout) -> list[int]:
    """Find the training processes that run in a checkout."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            inside = os.readlink(folder / "cwd") == str(checkout.path)
        except OSError:
            continue
        if b"kexue_pipe.train\0" in command and inside:
            found.append(int(folder.name))
    return found


def wait_until(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def kill_in_training(checkout: Checkout, snakemake: bool, worker: bool) -> None:
    """Start a run, wait for a saved state in the middle of a training, and kill."""
    process = checkout.start("snakemake", "-j2")
    wait_until(lambda: list(checkout.path.glob("results/store/*/*.resume.safetensors")))
    victims = workers(checkout) if worker else []
    assert victims or not worker
    if snakemake:
        os.kill(process.pid, signal.SIGKILL)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    try:
        process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    wait_until(lambda: not workers(checkout), 10.0)  # nothing keeps computing for nobody


@pytest.mark.parametrize(
    ("snakemake", "worker"),
    [(True, False), (False, True), (True, True)],
    ids=["snakemake", "worker", "both"],
)
def test_after_kill_9_plain_snakemake_finishes_with_the_same_bytes(
    tmp_path: Path, undisturbed: dict[str, bytes], snakemake: bool, worker: bool
) -> None:
    checkout = Checkout(tmp_path, SWEEPS)
    kill_in_training(checkout, snakemake, worker)
    output = checkout.run("snakemake", "-j8")
    assert re.search(r"resumes at step \d00/300", output)
    assert checkout.tables() == undisturbed
    assert checkout.planned() == set()


def test_a_second_run_gets_one_sentence(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, SWEEPS)
    process = checkout.start("snakemake", "-j1")
    wait_until(lambda: workers(checkout))
    code, output = checkout.try_run("snakemake", "-j1")
    assert code != 0 and "another run is writing to results/" in output
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
