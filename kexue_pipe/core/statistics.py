"""Statistics over seeds: pooled means from sums, t-intervals, paired differences, effective length.

    interval:          mean +- t_{k-1}(0.975) s / sqrt(k)  over k >= 3 seeds, none below
    effective length:  max {T : value(T') is worse than value(N) by at most eps, all N <= T' <= T}

The seed is the only independent unit: tokens, documents and heads of one run are pooled exactly
(sum of sums over sum of counts) before any interval is taken; nothing is averaged twice.
"""

from math import log

import numpy as np
import polars as pl
from scipy.special import stdtrit

from kexue_pipe.core.checkpoints import by_checkpoint
from kexue_pipe.core.spelling import split_name

MIN_SEEDS = 3  # no interval below
SMALLEST = {"bits": 0.05, "accuracy": 0.01, "dB": 0.2, "nats": 0.05}  # that matters, by unit
# `whole` is to tasks whose documents differ with the length what `fixed` is to the others
PROTOCOLS = {"fixed": ["fixed", "whole"], "curve": ["curve"]}
IDENTITY = ("task", "train_length", "suffix", "label", "order", "new")  # of `theme.identify`


def over_seeds(frame: pl.DataFrame, by: list[str], value: str = "value") -> pl.DataFrame:
    """Give mean, low, high and k for each group, then each seed alone where k < 3.

    Rows of single seeds carry their `seed`; summary rows carry null there. Values that are not
    finite make the mean null, so that a diverged run is never averaged away.
    """
    if frame.is_empty():
        empty = {"seed": pl.Int64, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        return frame.select(by).with_columns(
            *(pl.lit(None, dtype).alias(name) for name, dtype in empty.items()),
            pl.lit(None, pl.UInt32).alias("k"),
        )
    finite = frame.with_columns(pl.when(pl.col(value).is_finite()).then(value).alias("mean"))
    complete = pl.col("mean").is_not_null().all()
    summary = finite.group_by(by, maintain_order=True).agg(
        pl.when(complete).then(pl.col("mean").mean()).alias("mean"),
        pl.when(complete).then(pl.col("mean").std()).alias("spread"),
        pl.len().alias("k"),
    )
    half = np.array(
        [
            stdtrit(k - 1, 0.975) * spread / k**0.5
            if k >= MIN_SEEDS and spread is not None
            else np.nan
            for k, spread in summary.select("k", "spread").iter_rows()
        ]
    )
    summary = summary.with_columns(pl.Series("half", half).fill_nan(None)).select(
        *by,
        pl.lit(None, pl.Int64).alias("seed"),
        "mean",
        (pl.col("mean") - pl.col("half")).alias("low"),
        (pl.col("mean") + pl.col("half")).alias("high"),
        "k",
    )
    nothing = pl.lit(None, pl.Float64)
    singles = (
        finite.join(summary.select(*by, "k"), on=by, nulls_equal=True, maintain_order="left")
        .filter(pl.col("k") < MIN_SEEDS)
        .select(*by, "seed", "mean", nothing.alias("low"), nothing.alias("high"), "k")
    )
    return pl.concat([summary, singles])


def paired(left: pl.DataFrame, right: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Give mean, low, high, k of `value` in left minus right, paired by seed within each group."""
    both = left.select(*by, "seed", "value").join(
        right.select(*by, "seed", "value"), on=[*by, "seed"], maintain_order="left"
    )
    both = both.with_columns(value=pl.col("value") - pl.col("value_right"))
    return over_seeds(both, by).filter(pl.col("seed").is_null()).drop("seed")


def measured(
    tables: dict[str, pl.DataFrame], protocol: str, by: list[str], bin_by: str = "position"
) -> pl.DataFrame:
    """Pool the scored tokens of a protocol to one `value` for each run, extension, stream and `by`.

    A task with a threshold for `solved` is read in accuracy, every other one in bits per token;
    `unit` says which, `gain` is the value signed so that more is better, and `guess` is what a
    uniform guess reaches.
    """
    variants = tables["variants"]
    pooled = (
        by_checkpoint(tables, "extrapolation")
        .filter(pl.col("protocol").is_in(PROTOCOLS[protocol]), pl.col("bin_by") == bin_by)
        .group_by("variant", "seed", "extension", "stream", *by)
        .agg(pl.col("n", "loss_sum", "correct").sum())
        .filter(pl.col("n") > 0)
        .join(variants.select("variant", "chance", *IDENTITY), on="variant")
    )
    accurate = pl.col("task").is_in(_scored(tables))
    value = (
        pl.when(accurate)
        .then(pl.col("correct") / pl.col("n"))
        .otherwise(pl.col("loss_sum") / pl.col("n") / log(2.0))
    )
    return (
        pooled.with_columns(
            value=value,
            unit=pl.when(accurate).then(pl.lit("accuracy")).otherwise(pl.lit("bits")),
            guess=pl.when(accurate).then("chance").otherwise(-pl.col("chance").log(2)),
        )
        .with_columns(gain=pl.when(accurate).then("value").otherwise(-pl.col("value")))
        .drop("n", "loss_sum", "correct", "chance")
        .sort(accurate, "task", "stream", "order", "variant", "extension", *by, "seed")
    )


def _scored(tables: dict[str, pl.DataFrame]) -> list[str]:
    """List the tasks that are read in accuracy: those with a threshold for `solved`."""
    runs = tables["runs"].filter(pl.col("solved").is_not_null())
    tasks = runs.join(tables["variants"].select("variant", "task"), on="variant")["task"]
    return tasks.unique().to_list()


def levels(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Give what variants are compared with, in the unit that `measured` reads their task in.

    Levels in which the variants of a task differ, as with two quantizers, are left out.
    """
    accurate = pl.col("task").is_in(_scored(tables))
    place = ["task", "stream", "length", "level"]
    return (
        tables["levels"]
        .join(tables["variants"].select("variant", "task"), on="variant")
        .filter((pl.col("loss").n_unique().over(*place, "seed") == 1).all().over(place))
        .sort("variant", "seed")
        .unique([*place, "seed"], keep="first", maintain_order=True)
        .group_by(place, maintain_order=True)
        .agg(pl.col("loss", "accuracy").mean())
        .select(
            *place,
            unit=pl.when(accurate).then(pl.lit("accuracy")).otherwise(pl.lit("bits")),
            mean=pl.when(accurate).then("accuracy").otherwise(pl.col("loss") / log(2.0)),
        )
        .sort(place)
    )


def within_reach(values: pl.DataFrame) -> pl.DataFrame:
    """Give the values at N, of the streams whose answers lie within N: some variant gets half."""
    half = (pl.col("unit") != "accuracy") | (pl.col("value") >= (1 + pl.col("guess")) / 2)
    start = values.filter(pl.col("length") == pl.col("train_length"))
    return start.filter(half.any().over("task", "stream"))


def effective_lengths(values: pl.DataFrame) -> pl.DataFrame:
    """Give the effective length of each run from its fixed-token values.

    Input: the rows of `measured(tables, "fixed", ["length"])`. Output: one row for each variant,
    extension, stream and seed, with `effective` and the longest tested length `tested`.
    Streams whose answers lie beyond N have nothing to keep, and no row.
    """
    key = ["variant", "extension", "stream", "seed"]
    start = within_reach(values).select(*key, pl.col("gain").alias("start"))
    tolerance = pl.col("unit").replace_strict(SMALLEST, return_dtype=pl.Float64)
    kept = pl.col("gain") >= pl.col("start") - tolerance - 1e-12  # false for NaN
    kept = kept & pl.col("gain").is_finite()
    return (
        values.filter(pl.col("length") >= pl.col("train_length"))
        .join(start, on=key)
        .sort(*key, "length")
        .with_columns(kept=kept.cast(pl.Int8).cum_min().over(key))
        .group_by(*key, *IDENTITY, "unit", maintain_order=True)
        .agg(
            pl.col("length").filter(pl.col("kept") == 1).max().alias("effective"),
            pl.col("length").max().alias("tested"),
        )
        .with_columns(pl.col("effective").fill_null(pl.col("train_length")))
    )


def effective_over_seeds(each: pl.DataFrame, runs: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Give geometric mean, its t-interval, the seeds and `ranked` for each group of runs.

    Input: the rows of `effective_lengths`. The interval is that of the mean of log2(T_eff / N), cut
    to what can be measured, N to the longest tested length. What is not solved at N in every seed
    is not `ranked`.
    """
    solved = runs.select("variant", "seed", "solved")
    each = each.join(solved, on=["variant", "seed"], how="left", maintain_order="left")
    ratio = (pl.col("effective") / pl.col("train_length")).log(2.0)
    keys = [*dict.fromkeys([*by, "train_length"])]
    means = over_seeds(each.with_columns(value=ratio), keys).filter(pl.col("seed").is_null())
    groups = each.group_by(by, maintain_order=True).agg(
        pl.col("effective").sort().alias("seeds"),
        pl.col("tested").max(),
        pl.col("solved").fill_null(True).all().alias("ranked"),
    )
    start, end = pl.col("train_length"), pl.col("tested")
    return (
        means.drop("seed")
        .join(groups, on=by, nulls_equal=True, maintain_order="left")
        .with_columns((2.0 ** pl.col(name) * start).alias(name) for name in ("mean", "low", "high"))
        .with_columns(pl.col("low", "high").clip(start, end))
    )


def families(variants: pl.DataFrame, budgets: list[str]) -> pl.DataFrame:
    """Add the `family` of each variant: its name without task, size and the knobs of `budgets`."""
    names = [
        ",".join(part for part in split_name(suffix) if part.partition("=")[0] not in budgets)
        or f"quantizer={quantizer}"
        for suffix, quantizer in variants.select("suffix", "quantizer").iter_rows()
    ]
    return variants.with_columns(pl.Series("family", names, pl.String))


def psnr(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Pool reconstructions to PSNR (dB) and rates (bits per pixel) for each run and split.

    PSNR = 10 log10(4 / mse)      pixels lie in [-1, 1]
    """
    codes = tables["codes"].filter(pl.col("level") == "joint")
    codes = codes.select("variant", "seed", "split", pl.col("entropy_mm").alias("entropy"))
    pixels = pl.col("n_pixels").sum()
    rate = pl.col("n_tokens").sum() / pixels
    return (
        tables["reconstruction"]
        .filter(pl.col("split") != "original")
        .group_by("variant", "seed", "split")
        .agg(
            value=10 * (4 * pixels / pl.col("squared_error").sum()).log10(),
            nominal=pl.col("bits_nominal").first() * rate,
            rate=rate,
        )
        .join(codes, on=["variant", "seed", "split"], how="left")
        .with_columns(entropy=pl.col("entropy") / log(2.0) * pl.col("rate"))
        .drop("rate")
        .join(tables["variants"].select("variant", *IDENTITY), on="variant")
        .sort("split", "order", "variant", "seed")
    )


def head_means(
    tables: dict[str, pl.DataFrame], metrics: list[str], extensions: list[str]
) -> pl.DataFrame:
    """Give the mean of each of the metrics for each run, layer, head and bin of row lengths.

    Rows of a shorter context are a prefix of the rows of a longer one: the longest context that
    was measured is read. `row_length` is the geometric middle of the bin.
    """
    key = ["variant", "seed", "extension", "metric", "layer", "head", "bin_lo", "bin_hi"]
    asked = tables["attention"].filter(pl.col("metric").is_in(metrics))
    frame = by_checkpoint(tables | {"attention": asked}, "attention")
    frame = frame.filter(pl.col("extension").is_in(extensions))
    longest = pl.col("length") == pl.col("length").max().over("variant", "extension")
    middle = (pl.col("bin_lo") * (pl.col("bin_hi") - 1)).cast(pl.Float64).sqrt()
    return (
        frame.filter(longest, pl.col("n_rows") > 0)
        .group_by(key)
        .agg(value=pl.col("sum").sum() / pl.col("n_rows").sum())
        .with_columns(row_length=middle)
        .join(tables["variants"].select("variant", *IDENTITY), on="variant")
        .join(tables["metrics"], on="metric", how="left")
        .sort("order", *key)
    )
