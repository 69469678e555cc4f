"""Random kills and cut-off files, each followed by plain `snakemake`: the same bytes in the end.

    CHAOS_KILLS=50 pytest -s tests/graph/test_chaos.py

It takes about half an hour, so that it runs only where the number of kills is given.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graph.checkout import Checkout
from tests.graph.test_kill import wait_until, workers

KILLS = int(os.environ.get("CHAOS_KILLS", 0))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not KILLS, reason="CHAOS_KILLS says how many")]
SWEEPS = [
    "size=smoke task=repeat task.train.steps=4000 task.evaluate.lengths=[64]",  # 200 steps
    "size=smoke task=patches quantizer=fsq",
]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
CUT = (".safetensors", ".parquet", ".json", ".html")
STAGES = ("train", "evaluate", "collect", "claims", "report")


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let SIGINT reach what a test starts, also where a shell started pytest in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def kill(checkout: Checkout, process: subprocess.Popen, dice: random.Random) -> str:
    """Send a random signal to Snakemake, to its workers or to all; wait until all are gone."""
    sent, victims = dice.choice(SIGNALS), dice.choice(["head", "workers", "both"])
    pids = [process.pid] if victims != "workers" else []
    pids += workers(checkout, STAGES) if victims != "head" else []
    for pid in dice.sample(pids, len(pids)):
        try:
            os.kill(pid, sent)
        except ProcessLookupError:
            pass  # it ended by itself
    return f"{sent.name} {victims}" if pids else ""


def cut_off(checkout: Checkout, dice: random.Random) -> str:
    """Cut a random file of `results/` off at a random byte."""
    files = sorted(p for p in checkout.path.joinpath("results").rglob("*") if p.suffix in CUT)
    file = dice.choice(files)
    os.truncate(file, dice.randrange(max(1, file.stat().st_size)))
    return str(file.relative_to(checkout.path))


def test_random_kills_change_no_byte(tmp_path: Path) -> None:
    began = time.monotonic()
    checkout = Checkout(tmp_path / "undisturbed", SWEEPS)
    checkout.run("snakemake", "-j1")
    undisturbed = checkout.tables()
    checkout = Checkout(tmp_path / "chaos", SWEEPS)
    pause = (time.monotonic() - began) / 8  # seconds to the next kill, on average
    dice, events, finished = random.Random(2026), Counter(), True
    while events["kills"] < KILLS or not finished:
        process, happened = checkout.start("snakemake", "-j3"), ""
        try:
            limit = dice.expovariate(1 / pause) if events["kills"] < KILLS else None
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            while process.poll() is None and not (happened := kill(checkout, process, dice)):
                time.sleep(1.0)  # there is no worker yet, or no more
            output, _ = process.communicate(timeout=600)
            wait_until(lambda: not workers(checkout, STAGES))
        finished = not happened
        if happened:
            events["kills"] += 1
            if checkout.path.joinpath("results/store").exists() and dice.random() < 1 / 3:
                events["cut off"] += 1
                happened += f", {cut_off(checkout, dice)} cut off"
        if finished:
            happened = f"finished with {process.returncode}"
            events["finished"] += 1
            if process.returncode != 0 or checkout.tables() != undisturbed:
                events["differences"] += 1
            if events["kills"] < KILLS:  # something is to be done again
                lost = dice.choice(["store", "train", "evaluate", "tables"])
                shutil.rmtree(checkout.path / "results" / lost)
                shutil.rmtree(checkout.path / "results/report")  # nothing is made for nobody
        if "Traceback" in output or (finished and process.returncode):
            events["tracebacks"] += 1
            print(output)
        print(f"{time.monotonic() - began:.0f} s, {dict(events)}: {happened}", flush=True)
    print(
        f"chaos: {events['kills']} kills survived, {events['cut off']} files cut off, "
        f"{events['finished']} finished runs compared, {events['differences']} differences found"
    )
    assert events["differences"] == 0
