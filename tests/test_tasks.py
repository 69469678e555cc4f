"""Every task, trained and evaluated for real at the smallest size, and the page that shows them."""

import polars as pl
import pytest

from kexue_pipe.core.tables import TABLES, read_table
from kexue_pipe.graph.options import options
from tests.graph.checkout import Checkout

pytestmark = pytest.mark.slow
LINES = ["size=smoke task=glob(*)", "size=smoke task=passkey decode=nbce"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("tasks"), LINES)
    checkout.run("snakemake", "-j8")
    return checkout


@pytest.fixture(scope="module")
def tables(finished: Checkout) -> dict[str, pl.DataFrame]:
    folder = finished.path / "results/tables/default"
    return {kind: read_table(kind, folder / f"{kind}.parquet") for kind in TABLES}


def test_every_task_is_trained(tables: dict[str, pl.DataFrame]) -> None:
    assert set(tables["variants"]["task"]) == set(options("task"))
    assert set(tables["runs"]["status"]) == {"finished"}


def test_every_sequence_task_is_measured_at_every_length(tables: dict[str, pl.DataFrame]) -> None:
    sweep = tables["extrapolation"].filter(pl.col("protocol") != "curve")
    lengths = sweep.group_by("variant").agg(pl.col("length").n_unique())
    rebuilt = {f"task={name},size=smoke" for name in ("digits", "gaussian", "patches")}
    assert set(lengths["variant"]) == set(tables["variants"]["variant"]) - rebuilt
    pictures = pl.col("variant").str.starts_with("task=codes")  # these end at 4 N
    assert lengths.filter(~pictures)["length"].min() == 4  # N, 2 N, 4 N, 8 N
    scored = sweep.filter(pl.col("bin_by") == "position")
    assert scored["n"].min() > 0 and scored["loss_sum"].is_finite().all()


def test_answers_that_stand_somewhere_are_binned_by_where(tables: dict[str, pl.DataFrame]) -> None:
    binned = tables["extrapolation"].filter(pl.col("bin_by") == "lag")
    tasks = {name.split(",")[0].removeprefix("task=") for name in binned["variant"]}
    assert {"repeat", "recall", "passkey", "copy", "flipflop"} <= tasks


def test_pooled_short_contexts_are_another_answer(tables: dict[str, pl.DataFrame]) -> None:
    sweep = tables["extrapolation"].filter(pl.col("extension") == "none")
    long = sweep.filter(pl.col("length") == pl.col("length").max())
    plain, pooled = (
        long.filter(pl.col("variant") == name)["loss_sum"].to_list()
        for name in ("task=passkey,size=smoke", "task=passkey,decode=nbce,size=smoke")
    )
    assert len(plain) == len(pooled) and plain != pooled


def test_the_page_is_there(finished: Checkout) -> None:
    assert (finished.path / "results/report/default.html").stat().st_size > 100_000


def test_figures_are_files_of_their_own(finished: Checkout) -> None:
    finished.run("snakemake", "-j8", "results/report/figures/default")
    figures = list((finished.path / "results/report/figures/default").glob("*.svg"))
    assert "fixed_token_sweep" in {figure.stem for figure in figures}
    assert all("<svg" in figure.read_text()[:2000] for figure in figures)
