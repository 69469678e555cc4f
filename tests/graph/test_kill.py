"""Kill anything at any moment, fill the disk: plain `snakemake` finishes, with the same bytes."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.graph.checkout import Checkout

pytestmark = pytest.mark.slow
SWEEPS = ["size=smoke task=text position=rope,alibi task.train.steps=6000"]
ONE = "results/train/task=text,position=alibi,size=smoke,task.train.steps=6000/checkpoints.json"
READ_ONLY = 'mount --bind results results; mount -o remount,ro,bind results; exec "$@"'
FULL = """
mount -t tmpfs -o size=8m none results
"$@" & pid=$!
while ! test -d results/logs/train; do kill -0 $pid; sleep 0.1; done
cat /dev/zero > results/filler || true
if wait $pid; then echo nothing failed; exit 1; fi
find results -name ".tmp*"
rm results/filler
"$@"
cp -r results/train kept; umount results; mv kept results/train
"""
PRIVATE = ["unshare", "--map-root-user", "--mount"]  # mounts that nobody else sees
MOUNTS = [*PRIVATE, "mount", "-t", "tmpfs", "none", "/mnt"]
can_mount = shutil.which("unshare") and subprocess.run(MOUNTS, capture_output=True).returncode == 0
mounting = pytest.mark.skipif(not can_mount, reason="mounting in a namespace needs unshare")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"), SWEEPS)
    checkout.run("snakemake", "-j1")
    return checkout.tables()


def workers(checkout: Checkout, stages: tuple[str, ...] = ("train",)) -> list[int]:
    """Find the processes of some stages that run in a checkout."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            inside = os.readlink(folder / "cwd") == str(checkout.path)
        except OSError:
            continue
        if inside and any(f"kexue_pipe.{stage}\0".encode() in command for stage in stages):
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


def test_a_second_run_gets_one_sentence_and_leaves_the_first_alone(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    checkout = Checkout(tmp_path, SWEEPS)
    process = checkout.start("snakemake", "-j1", ONE)
    wait_until(lambda: workers(checkout))
    code, output = checkout.try_run("snakemake", "-j1", ONE)
    assert code != 0 and "another run is writing to results/" in output
    assert "Traceback" not in output
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert checkout.tables().items() <= undisturbed.items()


def try_privately(checkout: Checkout, script: str, *words: str) -> tuple[int, str]:
    """Run a shell script that may mount what it likes, with a command as its arguments."""
    command = [*PRIVATE, "sh", "-euc", script, "sh", *words]
    environment = os.environ | {"PYTHONPATH": str(checkout.path)}
    result = subprocess.run(
        command, cwd=checkout.path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return result.returncode, result.stdout


@mounting
@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["snakemake", "-j8", ONE], f"results/plans/{ONE.removeprefix('results/')}"),
        (["kexue-pipe", "-m", "size=smoke", "position=rope,alibi"], "results/suites/sweep-"),
    ],
    ids=["snakemake", "kexue-pipe"],
)
def test_a_results_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, command: list[str], file: str
) -> None:
    checkout = Checkout(tmp_path, SWEEPS)
    code, output = try_privately(checkout, READ_ONLY, *checkout.command(*command))
    file = file.replace("checkpoints.json", "plan.json")
    assert code != 0 and "Traceback" not in output
    assert f"error: {file}" in output and "can't be written: Read-only file system" in output


@mounting
def test_after_a_full_disk_plain_snakemake_finishes_with_the_same_bytes(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    checkout = Checkout(tmp_path, SWEEPS)
    code, output = try_privately(checkout, FULL, *checkout.command("snakemake", "-j8", ONE))
    assert code == 0, output
    assert re.search(r"error: results/.* can't be written: No space left on device; make", output)
    assert "Traceback" not in output and ".tmp-" not in output
    assert checkout.tables().items() <= undisturbed.items() and len(checkout.tables()) == 2
