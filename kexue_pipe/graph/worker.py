"""What every worker does besides its work: it checks its plan, says where it stands, and watches.

Between Snakemake and a worker stands a shell, so a worker watches the pid of Snakemake, handed over
in its environment, and stops when that process is gone: nothing keeps computing for nobody.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kexue_pipe.core.data_hash import data_hash
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.sources import module_digest

PID = "KEXUE_PIPE_SNAKEMAKE_PID"
MENDABLE = (Refused, ValueError, OSError, ImportError)  # errors that a person can mend


def say(text: str) -> None:
    """Print a line of progress, for the terminal and the log alike."""
    print(text, flush=True)


def load_plan(path: Path) -> dict[str, Any]:
    """Read a plan; refuse it if what it names was edited since: results would bear a wrong digest.

    The inputs of a training are a person's own files.
    """
    plan = json.loads(path.read_text())
    own = plan["inputs"] if plan.get("stage") == "train" else {}
    for hash_of, digests in ((module_digest, plan["sources"]), (data_hash, own)):
        for name, digest in digests.items():
            if hash_of(name) != digest:
                raise Refused(f"{name} was edited after this run was planned; start it again")
    return plan


class Progress:
    """Says where a loop stands, at most every few seconds."""

    def __init__(self, what: str, total: int, seconds: float = 5.0) -> None:
        self.what, self.total, self.seconds = what, total, seconds
        self.start = self.last = time.monotonic()
        self.first: int | None = None

    def step(self, done: int, detail: str) -> None:
        """Report that `done` of the steps are done."""
        if self.first is None:
            self.first = done - 1
        now = time.monotonic()
        if now - self.last >= self.seconds:
            left = (now - self.start) / (done - self.first) * (self.total - done)
            say(f"{self.what}: step {done}/{self.total}, {detail}, {left:.0f} s left")
            self.last = now


def watch_snakemake() -> None:
    """End this process when the Snakemake process that started it is gone."""
    pid = os.environ.get(PID)
    if pid:
        threading.Thread(target=_watch, args=(int(pid),), daemon=True).start()


def _watch(pid: int) -> None:
    while _alive(pid):
        time.sleep(0.5)
    os._exit(75)  # a half-written temporary file is never renamed, so leaving at once is safe


def _alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and only not yet reaped does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):  # another user's process; no /proc here
        return True
    return state != "Z"


def run(main: Callable[[], None]) -> None:
    """Run the main function of a stage; what a person can mend is one sentence, not a traceback."""
    from hydra.errors import InstantiationException

    watch_snakemake()
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (*MENDABLE, InstantiationException) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if os.environ.get("KEXUE_PIPE_TRACEBACK") or not isinstance(cause, MENDABLE):
            raise
        sys.exit(f"error: {cause} (KEXUE_PIPE_TRACEBACK=1 shows where)")
