"""After a run: a short table of its variants beside their baseline, in the quantity of the task.

The baseline of a variant is the one with the same task and size and all else by default, where it
is among the variants or finished in the suite beside them. Intervals are those of the report.
"""

import polars as pl
from rich.table import Table

from kexue_pipe.command.results import console
from kexue_pipe.core import statistics, theme
from kexue_pipe.core.spelling import join_name, split_name
from kexue_pipe.graph.outputs import plan_path, read_plan
from kexue_pipe.report import load

BY = ["task", "variant", "unit", "stream", "length"]


def compare(suite: str) -> None:
    """Print the variants of a suite and their baselines: at N, and at the longest length."""
    plan = read_plan(plan_path("report", suite)) or {}
    tables = load(f"results/tables/{suite}", plan.get("beside"), plan)
    own = plan["variants"]
    shown = dict.fromkeys([*map(baseline, own), *own])
    frame = pl.concat([lengths(tables), images(tables)]).filter(pl.col("variant").is_in([*shown]))
    table = Table("variant", "quantity", "at N", "at the longest", "seeds", title="comparison")
    order = {name: i for i, name in enumerate(shown)}
    for (task, stream, variant), part in sorted(
        frame.group_by("task", "stream", "variant"),
        key=lambda item: (*map(str, item[0][:2]), order[str(item[0][2])]),
    ):
        first, last = (
            part.sort("length").row(0, named=True),
            part.sort("length").row(-1, named=True),
        )
        far = f"{number(last)} (T={last['length']})" if last["length"] > first["length"] else ""
        near = f"{number(first)} (N={first['length']})" if first["length"] else number(first)
        unit = (
            theme.UNITS.get(str(task), "bits per token")
            if first["unit"] == "bits"
            else first["unit"]
        )
        told = f"{variant} (baseline)" if variant not in own else str(variant)
        table.add_row(told, f"{unit}, {stream}", near, far, str(first["k"]))
    console().print(table)
    for line in unsolved(tables["runs"], [*shown]):
        print(line)
    missing = {baseline(name) for name in own} - set(frame["variant"])
    for name in sorted(missing):
        print(f"no baseline: {name} is neither in this run nor finished in the suite beside it")


def baseline(name: str) -> str:
    """Name the variant with the same task and size, and all else by default."""
    return join_name([p for p in split_name(name) if p.split("=")[0] in ("task", "size")])


def unsolved(runs: pl.DataFrame, names: list[str]) -> list[str]:
    """Say which variants have runs that do not solve their task where they were trained."""
    found = runs.filter(pl.col("variant").is_in(names))
    counts = found.group_by("variant", maintain_order=True).agg(
        (~pl.col("solved")).sum().alias("failed"), pl.len().alias("seeds")
    )
    return [
        f"not solved at N: {name}, {failed} of {seeds} seeds; beyond N they say nothing"
        for name, failed, seeds in counts.filter(pl.col("failed") > 0).iter_rows()
    ]


def lengths(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Give bits or accuracy of the plain checkpoint over seeds, by length."""
    values = statistics.measured(tables, "fixed", ["length"])
    plain = values.filter(extension="none").filter(pl.col("length") >= pl.col("train_length"))
    return _over_seeds(plain)


def images(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Give the PSNR of each split over seeds, as values without a length."""
    values = statistics.psnr(tables).with_columns(
        unit=pl.lit("dB"), stream="split", length=pl.lit(0, pl.Int64)
    )
    return _over_seeds(values)


def _over_seeds(values: pl.DataFrame) -> pl.DataFrame:
    means = statistics.over_seeds(values, BY)
    return means.filter(pl.col("seed").is_null()).drop("seed")


def number(row: dict[str, float | None]) -> str:
    """Write a mean with its interval, where there is one."""
    if row["mean"] is None:
        return "diverged"
    if row["low"] is None or row["high"] is None:
        return f"{row['mean']:.3f}"
    return f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
