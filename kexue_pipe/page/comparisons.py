"""Paired comparisons of a suite: left minus right, seed by seed, if certain and large enough.

    difference = mean over seeds of (gain of left - gain of right),  gain: more is better

A row is given if the 95 % t-interval excludes zero and |difference| is at least the smallest effect
of its unit that matters (`statistics.SMALLEST`). Where a side leaves a choice, the best is taken:
`count` says from how many. Variants are compared within a task, a stream and a size of model;
those that have not solved their task in range take no part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2
from typing import Any

import polars as pl

from kexue_pipe.core import statistics, theme

Tables = dict[str, pl.DataFrame]
Row = dict[str, Any]
CONTROLS = ("none", "window", "truncate")  # what is no method of extension
FAR = 8  # length at which extrapolation is read, in training lengths
PLACE = ["task", "stream", "unit", "train_length", "size"]
ROWS = ["task", "unit", "size"]  # of attention
WHO = ["label", "extension"]


@dataclass(frozen=True)
class Side:
    """A side: `default`, `other` or `new` variants, an extension or `any`, a length in N."""

    who: str
    extension: str
    factor: int


def lengths(tables: Tables, left: Side, right: Side) -> Iterator[Row]:
    """Compare on the same tokens; of several on the left the best, of new variants each."""
    values = statistics.measured(tables, "fixed", ["length"])
    if "window" in (left.extension, right.extension):  # which cannot win or lose beyond N
        values = values.join(statistics.within_reach(values), on=["task", "stream"], how="semi")
    values = values.join(_taking_part(tables), on="variant")
    for _, part in values.group_by(PLACE, maintain_order=True):
        control, n = _pick(part, right), part["train_length"][0]
        candidates = _pick(part, left)
        groups = [candidates]
        if left.who == "new":
            groups = candidates.partition_by("label", maintain_order=True)
        for group in groups:
            best, count = _best(group)
            if best is not None and control.height:
                words = {"count": count, "n": n, "t": left.factor * n, "right": control["said"][0]}
                words |= {"left": best["said"][0], "extension": best["extension"][0]}
                yield from _told(best, control, PLACE, words)


def entropies(tables: Tables) -> Iterator[Row]:
    """Compare the attention entropy of the default in long rows with that in rows of N keys."""
    for part, words in _slopes(tables):
        if part["bare"][0] == "":
            yield from _told(part, part.with_columns(gain=pl.lit(0.0)), ROWS, words)


def slopes(tables: Tables) -> Iterator[Row]:
    """Compare the growth of attention entropy with the default's, for who changes it most."""
    every = list(_slopes(tables))
    for own, same in every:
        if own["bare"][0] != "":
            continue
        place = own.select(ROWS).row(0)
        others = [
            (part, words | {"right": same["left"]})
            for part, words in every
            if part["bare"][0] != "" and part.select(ROWS).row(0) == place
            if (words["n"], words["t"]) == (same["n"], same["t"])
        ]
        rows = [row for part, words in others for row in _told(part, own, ROWS, words)]
        if rows:
            yield max(rows, key=lambda row: abs(row["mean"])) | {"count": len(others)}


def quantizers(tables: Tables) -> Iterator[Row]:
    """Compare the best with the worst quantizer at the rate where they differ most."""
    runs = statistics.psnr(tables).filter(pl.col("nominal").is_finite())
    runs = runs.join(_taking_part(tables), on="variant").with_columns(
        gain="value", unit=pl.lit("dB"), stream="split", rate=pl.col("nominal").round(2)
    )
    for _, images in runs.group_by("task", "split", "size", maintain_order=True):
        rows: list[Row] = []
        for (rate,), group in images.group_by("rate", maintain_order=True):
            means = group.group_by("label").agg(pl.col("gain").mean()).sort("gain", "label")
            worst, best = (group.filter(label=means["label"][i]) for i in (0, -1))
            words = {"left": best["said"][0], "right": worst["said"][0]}
            words |= {"rate": rate, "count": means.height}
            rows += _told(best, worst, ["task", "stream", "unit", "size"], words)
        if rows:
            yield max(rows, key=lambda row: row["mean"])


def _taking_part(tables: Tables) -> pl.DataFrame:
    """Give the variants that may be compared: `size`, words of the suffix, `bare`, the rest.

    `said` is what a sentence calls them: a default of another size is no name by its size alone.
    """
    unsolved = tables["runs"].filter(~pl.col("solved").fill_null(True))["variant"].unique()
    size = pl.col("suffix").str.extract_all(r"\bsize[\w.]*=[^,]*").list.join(",")
    bare = pl.col("suffix").str.replace_all(r"(^|,)size[\w.]*=[^,]*", "").str.strip_chars_start(",")
    chosen = tables["variants"].filter(~pl.col("variant").is_in(unsolved.to_list()))
    names = pl.Series([theme.chosen(row) for row in chosen.iter_rows(named=True)], dtype=pl.String)
    sized = pl.concat_str(names, size, separator=", ")
    said = pl.when(size != "", bare == "").then(sized).otherwise("label")
    return chosen.select("variant", size=size, bare=bare, said=said)


def _pick(values: pl.DataFrame, side: Side) -> pl.DataFrame:
    who = {"default": pl.col("bare") == "", "other": pl.col("bare") != "", "new": pl.col("new")}
    extension = pl.col("extension") == side.extension
    if side.extension == "any":
        extension = ~pl.col("extension").is_in(CONTROLS)
    at = pl.col("length") == side.factor * pl.col("train_length")
    return values.filter(who[side.who], extension, at)


def _best(values: pl.DataFrame) -> tuple[pl.DataFrame | None, int]:
    """Give the rows with the best mean gain, and from how many they were chosen."""
    finite = pl.col("gain").is_finite().all()
    means = values.group_by(WHO).agg(pl.col("gain").mean(), finite=finite).filter("finite")
    if means.is_empty():
        return None, 0
    first = means.sort("gain", *WHO, descending=[True, False, False]).row(0, named=True)
    return values.filter(*(pl.col(name) == first[name] for name in WHO)), means.height


def _told(left: pl.DataFrame, right: pl.DataFrame, by: list[str], words: Row) -> Iterator[Row]:
    """Give the paired difference with its words, if it is certain and matters."""
    sides = [side.with_columns(value=pl.col("gain")) for side in (left, right)]
    for row in statistics.paired(sides[0], sides[1], by).iter_rows(named=True):
        ratio = abs(row["mean"] or 0.0) / statistics.SMALLEST[row["unit"]]
        certain = row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
        if certain and ratio >= 1:
            yield {"stream": row["task"], "count": 1} | row | words | {"ratio": ratio}


def _slopes(tables: Tables) -> Iterator[tuple[pl.DataFrame, Row]]:
    """Give each variant's growth of entropy from rows of N to rows of FAR N keys, per doubling."""
    n = pl.col("train_length")
    inside = [(pl.col("bin_lo") <= f * n) & (f * n < pl.col("bin_hi")) for f in (1, FAR)]
    means = statistics.head_means(tables, ["entropy"], ["none"])
    means = means.join(_taking_part(tables), on="variant").with_columns(far=inside[1])
    means = means.filter(inside[0] | inside[1])
    for _, part in means.group_by("variant", maintain_order=True):
        near, far = part.select(pl.min("row_length"), far=pl.max("row_length")).row(0)
        if near == far:
            continue
        sign = pl.when("far").then(1.0).otherwise(-1.0)
        ends = part.group_by(*ROWS, "bare", "seed", "far", maintain_order=True)
        rise = ends.agg(pl.col("value").mean()).group_by(*ROWS, "bare", "seed", maintain_order=True)
        change = (sign * pl.col("value")).sum() / log2(far / near)
        words = {"left": part["said"][0], "n": round(near), "t": round(far)}
        yield rise.agg(gain=change), words
