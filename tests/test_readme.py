"""The README's commands, run as a user runs them in a fresh copy, and what they leave behind."""

import re
import shlex
import subprocess
import sys

import polars as pl
import pytest

from kexue_pipe.core.tables import TABLES, read_table
from tests.graph.checkout import ROOT, Checkout

pytestmark = pytest.mark.slow
README = (ROOT / "README.md").read_text()
INSTALLS = ("make", "make test")  # CI itself installs and runs the tests
LONG = re.compile(
    r"claim|^list$|^prune$"
)  # reads or trains every suite: tests/claim, tests/command


def commands() -> list[list[str]]:
    """List the shell commands of the README that do not install or take minutes."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.S)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    split = [shlex.split(line) for line in lines if line and line not in INSTALLS]
    return [command for command in split if not any(LONG.search(word) for word in command)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("readme"), ["size=smoke task=text"])
    for program, *arguments in commands():
        checkout.run(program.removeprefix(".venv/bin/"), *arguments)
    return checkout


def test_the_readme_has_the_three_uses() -> None:
    programs = [command[0].removeprefix(".venv/bin/") for command in commands()]
    assert programs.count("snakemake") >= 3 and programs.count("kexue-pipe") >= 3


def test_a_second_run_has_nothing_to_do(finished: Checkout) -> None:
    output = finished.run("snakemake", "-j8", "--config", "suite=smoke", "seeds=2")
    assert "Nothing to be done" in output


def test_the_report_is_one_small_file(finished: Checkout) -> None:
    page = finished.path / "results/report/smoke.html"
    assert 100_000 < page.stat().st_size < 5_000_000


def test_every_table_is_there_and_names_every_variant_and_seed(finished: Checkout) -> None:
    tables = {k: read_table(k, finished.path / f"results/tables/smoke/{k}.parquet") for k in TABLES}
    assert all(len(table) for table in tables.values())
    runs = tables["runs"]
    assert set(runs["variant"]) == set(tables["variants"]["variant"])
    assert runs.group_by("variant").agg(pl.col("seed").sort())["seed"].to_list() == [[0, 1]] * len(
        tables["variants"]
    )
    assert set(runs["status"]) == {"finished"}
    for kind in ("extrapolation", "reconstruction"):
        sums = tables[kind].select(pl.selectors.float().exclude("bits_nominal"))
        assert sums.select(pl.all().drop_nulls().is_finite().all()).row(0) == (True,) * sums.width


def test_the_override_stands_in_a_report_of_its_own(finished: Checkout) -> None:
    name = "task=text,position.base=500,size=smoke"
    assert name in (finished.path / f"results/report/{name}.html").read_text()


def test_the_python_example_loads_a_trained_model(finished: Checkout) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    code = block.replace("position=alibi", "position=alibi,size=smoke")
    check = "import torch; assert model(torch.zeros(1, 8, dtype=torch.int64)).shape == (1, 8, 64)"
    subprocess.run([sys.executable, "-c", code + check], cwd=finished.path, check=True)
    wrong = code.replace("position=alibi", "position=none").replace("seed=0", "seed=7")
    failed = subprocess.run(
        [sys.executable, "-c", wrong], cwd=finished.path, capture_output=True, text=True
    )
    assert "--config seeds=8" in failed.stderr
