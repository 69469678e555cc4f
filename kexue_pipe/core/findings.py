"""Findings in sentences: declared comparisons, told only when they are certain and large enough.

A sentence appears if the 95 % t-interval of the difference, paired by seed, excludes zero and the
difference is at least the smallest effect that matters (`statistics.SMALLEST`). Its wording
follows the sign. Variants that have not solved their task in range take no part. The intervals
are not adjusted for the number of comparisons; the report says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from kexue_pipe.core import statistics, theme

CONTROLS = ("none", "window", "truncate")


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a variant by its suffix, an extension, a length in units of N."""

    suffix: str
    extension: str
    factor: int


@dataclass(frozen=True)
class Rule:
    """Left against right on the same tokens, and a sentence for each sign of the difference."""

    left: Side
    right: Side
    better: str
    worse: str


GROWTH = (
    "{left} gets better by {effect} when its context grows from {n} to {t} tokens",
    "{left} gets worse by {effect} when its context grows from {n} to {t} tokens",
)
RULES = (
    Rule(Side("", "none", 8), Side("", "none", 1), *GROWTH),
    Rule(
        Side("", "window", 8),
        Side("", "none", 8),
        "At {t} tokens a test-time window repairs {left}: better by {effect} than without it",
        "At {t} tokens a test-time window harms {left}: worse by {effect} than without it",
    ),
    Rule(
        Side("", "window", 8),
        Side("", "none", 1),
        "With the window, {left} at {t} tokens is better by {effect} than at {n}",
        "With the window, {left} at {t} tokens is still worse by {effect} than at {n}",
    ),
    Rule(Side("position=alibi", "none", 8), Side("position=alibi", "none", 1), *GROWTH),
    Rule(
        Side("position=alibi", "none", 8),
        Side("", "window", 8),
        "At {t} tokens {left} is better by {effect} than {right} with a test-time window",
        "At {t} tokens {left} is worse by {effect} than {right} with a test-time window",
    ),
    Rule(
        Side("position=none", "none", 1),
        Side("", "none", 1),
        "In range, {left} is better by {effect} than {right}",
        "In range, {left} is worse by {effect} than {right}",
    ),
)


def rules_for(suffix: str) -> tuple[Rule, ...]:
    """Give the comparisons of a new variant with the default: in range, and at 8 N."""
    words = (
        "{left} is better by {effect} than {right}",
        "{left} is worse by {effect} than {right}",
    )
    return tuple(
        Rule(Side(suffix, "none", f), Side("", "none", f), *(f"At {{t}} tokens {w}" for w in words))
        for f in (1, 8)
    )


def findings(tables: dict[str, pl.DataFrame]) -> list[str]:
    """Give every sentence that the tables support, in the order of the report."""
    values = statistics.measured(tables, "fixed", ["length"])
    unsolved = tables["runs"].filter(~pl.col("solved").fill_null(True))["variant"].unique()
    values = values.filter(~pl.col("variant").is_in(unsolved.to_list()))
    fresh = (
        tables["variants"]
        .filter("new", pl.col("suffix") != "")["suffix"]
        .unique(maintain_order=True)
    )
    rules = [rule for suffix in fresh for rule in rules_for(suffix)] + list(RULES)
    sentences = [s for rule in dict.fromkeys(rules) for s in _compare(values, rule)]
    return [*sentences, *_extensions(values), *_longest(values), *_quantizers(tables)]


def _pick(values: pl.DataFrame, side: Side) -> pl.DataFrame:
    return values.filter(
        pl.col("suffix") == side.suffix,
        pl.col("extension") == side.extension,
        pl.col("length") == side.factor * pl.col("train_length"),
    )


def _difference(left: pl.DataFrame, right: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Give the paired gain of left over right where it is certain and large enough."""
    gains = [side.with_columns(value=pl.col("gain")) for side in (left, right)]
    smallest = pl.col("unit").replace_strict(statistics.SMALLEST, return_dtype=pl.Float64)
    certain = (pl.col("low") > 0) | (pl.col("high") < 0)
    frame = statistics.paired(gains[0], gains[1], by).filter(
        certain, pl.col("mean").abs() >= smallest
    )
    return frame.sort(by)


def _effect(row: dict, task: str) -> str:
    low, high = sorted((abs(row["low"]), abs(row["high"])))
    size, scale, unit, digits = abs(row["mean"]), 1.0, theme.UNITS.get(task, "bits per token"), 2
    if row["unit"] == "accuracy":
        scale, unit, digits = 100.0, "points of accuracy", 1
    if row["unit"] == "dB":
        unit = "dB"
    numbers = [f"{scale * number:.{digits}f}" for number in (size, low, high)]
    return f"{numbers[0]} {unit} [{numbers[1]}, {numbers[2]}]"


def _where(task: str, stream: str, k: int) -> str:
    return f" ({theme.documents(task, stream)}, {k} seeds)."


def _compare(values: pl.DataFrame, rule: Rule) -> Iterator[str]:
    by = ["task", "stream", "unit", "train_length"]
    left, right = _pick(values, rule.left), _pick(values, rule.right)
    for row in _difference(left, right, by).iter_rows(named=True):
        name = [side.filter(task=row["task"])["label"][0] for side in (left, right)]
        n = row["train_length"]
        words = {"left": name[0], "right": name[1], "n": n, "t": rule.left.factor * n}
        template = rule.better if row["mean"] > 0 else rule.worse
        sentence = template.format(effect=_effect(row, row["task"]), **words)
        yield sentence + _where(row["task"], row["stream"], row["k"])


def _extensions(values: pl.DataFrame) -> Iterator[str]:
    """Name the extensions of each variant that beat its window control at 8 N."""
    at = values.filter(pl.col("length") == 8 * pl.col("train_length"))
    by = ["task", "stream", "unit", "label", "train_length"]
    window = at.filter(extension="window")
    tried = at.filter(~pl.col("extension").is_in(CONTROLS))
    groups = tried.select(*by, "extension").unique().sort(by).iter_rows(named=True)
    for key, members in groupby(groups, key=lambda row: tuple(row[name] for name in by)):
        task, stream, _, label, n = key
        names = sorted(row["extension"] for row in members)
        mine = tried.filter(task=task, stream=stream, label=label)
        gains = _difference(
            mine, _spread(window.filter(task=task, stream=stream, label=label), names),
            [*by, "extension"],
        )  # fmt: skip
        better = gains.filter(pl.col("mean") > 0).sort("mean", descending=True)
        if better.height:
            row = better.row(0, named=True)
            yield (
                f"Of {len(names)} test-time extensions of {label}, {better.height} beat the window "
                f"control at {8 * n} tokens; the best on these data, {row['extension']}, by "
                f"{_effect(row, task)}" + _where(task, stream, row["k"])
            )


def _spread(control: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    return control.drop("extension").join(pl.DataFrame({"extension": names}), how="cross")


def _longest(values: pl.DataFrame) -> Iterator[str]:
    """Name the variants that keep their in-range value longest, where every seed goes beyond N."""
    plain = values.filter(extension="none")
    each = statistics.effective_lengths(plain)
    by = ["task", "stream", "unit", "train_length", "order", "label"]
    ranks = each.group_by(by).agg(
        pl.col("effective").median().alias("median"),
        pl.col("effective").min().alias("low"),
        pl.col("effective").max().alias("high"),
        pl.col("tested").max(),
        k=pl.len(),
    )
    ranks = ranks.filter(pl.col("k") >= statistics.MIN_SEEDS).sort(*by)
    for (task, stream, unit, n), group in ranks.group_by(*by[:4], maintain_order=True):
        best = group.filter(pl.col("low") == pl.col("low").max(), pl.col("low") > n)
        if best.is_empty() or best.height == group.height > 1:
            continue
        names = best["label"].to_list()
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        row = best.row(0, named=True)
        bound = "at least " if row["low"] == row["tested"] else ""
        loss = "1 point of accuracy" if unit == "accuracy" else "0.05 bits"
        verb = "stays" if len(names) == 1 else "stay"
        yield (
            f"{', '.join(names[:3])}{more} {verb} within {loss} of the value at {n} tokens up to "
            f"{bound}{row['low']} tokens in every seed, the longest of {group.height} variants"
            + _where(task, stream, row["k"])
        )


def _quantizers(tables: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Name the best quantizer of each rate, against the second best at that rate."""
    runs = statistics.psnr(tables).filter(pl.col("nominal").is_finite())
    runs = runs.with_columns(gain="value", unit=pl.lit("dB"), rate=pl.col("nominal").round(2))
    for (split,), images in runs.sort("rate").group_by("split", maintain_order=True):
        parts, seeds = [], 0
        for (rate,), group in images.group_by("rate", maintain_order=True):
            means = group.group_by("label").agg(pl.col("gain").mean())
            names = means.sort("gain", "label", descending=True)["label"].head(2).to_list()
            if len(names) < 2:
                continue
            left, right = (group.filter(label=name) for name in names)
            for row in _difference(left, right, ["unit"]).iter_rows(named=True):
                parts.append(f"{names[0]} at {rate:.2f}, by {_effect(row, '')} over {names[1]}")
                seeds = row["k"]
        if parts:
            best = f"Best on these data at equal bits per pixel: {'; '.join(parts)}"
            yield f"{best} ({split} images, {seeds} seeds)."
