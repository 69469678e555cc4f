"""A real Slurm of two nodes: a job and a node are killed, the tables are those of a local run."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.graph.checkout import Checkout

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
PLUGINS = ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_cluster_generic")
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
MISSING = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
MISSING += [name for name in PLUGINS if not find_spec(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"needs {', '.join(MISSING)}: install slurm-wlm, munge and kexue-pipe[slurm]",
    ),
]
SWEEPS = ["size=smoke task=text position=none,rope,alibi,t5 task.train.steps=6000"]
PROFILES = {
    "slurm": ["--slurm-init-seconds-before-status-checks", "1"],
    # two groups of two parallel trainings, one on each node
    "slurm-pack": ["--group-components", "chain=2", "--resources", "slot=2"],
}


class Cluster:
    """A Slurm in a folder, and the commands that ask it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "SLURM_CONF": f"{folder}/etc/slurm.conf",
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
        }

    def run(self, *command: str) -> str:
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def act(self, action: str, *arguments: str) -> None:
        # its daemons keep the script's outputs open, so that nothing may read them to their end
        script = [str(Path(__file__).with_name("cluster.sh")), action, str(self.folder), *arguments]
        subprocess.run(script, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def running(self, node: str) -> list[str]:
        """List the jobs that run on a node."""
        return self.run("squeue", "-h", "-t", "R", "-w", node, "-o", "%i").split()

    def is_down(self, node: str) -> bool:
        return "down" in self.run("sinfo", "-h", "-N", "-n", node, "-o", "%T")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.act("up", str(20000 + os.getpid() % 4000 * 3))
        yield cluster
    finally:
        cluster.act("down")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    checkout = Checkout(tmp_path_factory.mktemp("local"), SWEEPS)
    checkout.run("snakemake", "-j2")
    return checkout.tables()


def wait_until(condition: Callable[[], object], seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_killed_job_and_a_killed_node_change_no_byte(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster: Cluster,
    local: dict[str, bytes],
    profile: str,
) -> None:
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, cluster.environment[name])
    checkout = Checkout(tmp_path, SWEEPS)
    arguments = ["--workflow-profile", f"profiles/{profile}", *PROFILES[profile]]
    process = checkout.start("snakemake", *arguments)
    try:
        wait_until(lambda: list(checkout.path.glob("results/store/*/*.resume.safetensors")))
        wait_until(lambda: cluster.running("n1") and cluster.running("n2"))
        cluster.run("scancel", cluster.running("n2")[0])
        cluster.act("kill-node", "n1")
        wait_until(lambda: cluster.is_down("n1"))
        cluster.act("start-node", "n1")
        output, _ = process.communicate(timeout=600)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    print(output)
    assert process.returncode == 0, output
    assert "Trying to restart" in output
    assert checkout.tables() == local
    assert checkout.planned() == set()
