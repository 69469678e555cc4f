"""The quality that each variant reaches, against what it costs.

    kept(T) = T cache + state          front: no other variant costs less and is better

T context length, tokens; cache: numbers kept per past token, state: numbers kept whatever T.
Quality is the value at the training length N, the effective length, or the PSNR of images, each a
mean over seeds. Source: none; costs are counted by the models, only seconds depend on a machine.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "quality", "unit", "cost"]
COSTS = {
    "cpu_seconds": "CPU-seconds of training",
    "parameters": "parameters",
    "flops_per_token": "FLOPs per token",
    "kept": "numbers kept to decode",
}
KEYS = ["variant", *statistics.IDENTITY]


def data(tables: dict[str, pl.DataFrame], *, factor: int, least: float) -> pl.DataFrame:
    """Give quality with its interval and each cost in which the variants of a task differ."""
    unsolved = tables["runs"].filter(~pl.col("solved").fill_null(True))["variant"].to_list()
    quality = pl.concat([_tokens(tables), _images(tables)], how="diagonal")
    quality = quality.filter(~pl.col("variant").is_in(unsolved))
    train = tables["timing"].filter(pl.col("stage") == "train")
    seconds = train.group_by("variant").agg(pl.col("cpu_seconds").mean())
    kept = factor * pl.col("train_length") * pl.col("cache_elements_per_token")
    costs = tables["variants"].with_columns(kept=kept + pl.col("state_elements"))
    costs = costs.join(seconds, on="variant", how="left").unpivot(
        list(COSTS), index="variant", variable_name="cost", value_name="x"
    )
    frame = quality.join(costs.drop_nulls("x"), on="variant")
    low, high = pl.col("x").min().over("task", "cost"), pl.col("x").max().over("task", "cost")
    frame = frame.filter(high - low > least * high)
    if frame.is_empty():
        return frame
    gain = pl.when(pl.col("unit") == "bits").then(-pl.col("mean")).otherwise("mean")
    frame = frame.with_columns(gain=gain, place=pl.col("cost").replace_strict(_ranks()))
    first = pl.col("order").min().over("task")  # images come last
    frame = frame.sort(first, "task", "quality", "place", "order", "variant", "seed")
    parts = [_with_front(part) for part in frame.partition_by(PANEL, maintain_order=True)]
    return pl.concat(parts).drop("place", "variant")


def _ranks() -> dict[str, int]:
    return {cost: rank for rank, cost in enumerate(COSTS)}


def _tokens(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    values = statistics.measured(tables, "fixed", ["length"]).filter(extension="none")
    reached = statistics.effective_lengths(values)
    streams = reached.select("task", "stream").unique()
    near = values.filter(pl.col("length") == pl.col("train_length"))
    near = near.join(streams, on=["task", "stream"], how="semi", maintain_order="left")
    keys = [*KEYS, "stream", "unit"]
    near = statistics.over_seeds(near, keys).with_columns(quality=pl.lit("value at N"))
    far = statistics.effective_over_seeds(reached, tables["runs"], keys)
    far = far.drop("seeds", "tested", "ranked").with_columns(
        seed=pl.lit(None, pl.Int64), unit=pl.lit("tokens"), quality=pl.lit("effective length")
    )
    return pl.concat([near, far], how="diagonal")


def _images(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    runs = statistics.psnr(tables).filter(split="test")
    frame = statistics.over_seeds(runs.rename({"split": "stream"}), [*KEYS, "stream"])
    return frame.with_columns(unit=pl.lit("dB"), quality=pl.lit("PSNR"))


def _with_front(part: pl.DataFrame) -> pl.DataFrame:
    """Mark the variants that no other one beats in cost and quality."""
    means = part.filter(pl.col("seed").is_null(), pl.col("gain").is_not_null())
    best = means.sort("x", "gain", descending=[False, True])
    before = pl.col("gain").cum_max().shift(1).fill_null(-float("inf"))
    front = best.filter(pl.col("gain") > before)["variant"].to_list()
    return part.with_columns(front=pl.col("variant").is_in(front), emphasis=pl.lit(True))


def _names(part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the names on the front that have room, right of their points and left of them."""
    (left, right), (low, high) = theme.extent(part, "x"), theme.extent(part, "mean")
    wide, tall = 0.5 * (right - left), 0.1 * (high - low)
    rows: list[dict[str, Any]] = []
    for row in part.filter("front", pl.col("seed").is_null()).sort("gain").iter_rows(named=True):
        near = (abs(r["x"] - row["x"]) < wide and abs(r["mean"] - row["mean"]) < tall for r in rows)
        if not any(near):
            rows.append(row)
    names = part.clear() if not rows else pl.DataFrame(rows, schema=part.schema)
    names = names.select("label", "x", "mean")
    middle = pl.col("x") > (left + right) / 2
    return names.filter(~middle), names.filter(middle)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task, quality and cost; what lies on the front is named."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    shown = drawing.choose(alt.OpacityValue, pick, 1.0, 0.1)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, quality, unit, cost = part.select(PANEL).row(0)
        title = {"tokens": "effective length (tokens)", "dB": "PSNR (dB)"}
        y_title = title.get(unit) or theme.axis_title(task, unit)
        scale = drawing.value_scale(part.drop("unit"))  # of what was reached
        if unit == "tokens":
            low, high = theme.extent(frame.filter(pl.col("unit") == unit), "train_length", "mean")
            scale = alt.Scale(type="log", base=2, domain=(low / 1.2, high * 1.2), nice=False)
            ticks = tuple(2**i for i in range(24) if low <= 2**i <= high)
        x = alt.X("x:Q", title=COSTS[cost], scale=alt.Scale(zero=False, padding=14))
        x = x.axis(format="~s", tickCount=5, grid=False)
        y = alt.Y("mean:Q", title=y_title, scale=scale)
        if unit == "tokens":
            y = y.axis(values=ticks, format="d")
        base = alt.Chart(part).encode(x=x, color=encodings["color"], opacity=shown)
        whole = base.transform_filter("datum.seed === null")
        span = whole.transform_filter("datum.low !== null").mark_rule(strokeWidth=1.5, clip=True)
        told = theme.tooltip(
            part.filter(pl.col("seed").is_null()), "label", "mean", "low", "high", "k"
        )
        told.append(alt.Tooltip("x:Q", title=COSTS[cost], format=",.4~g"))
        point = whole.mark_point(filled=True, size=60)
        single = base.transform_filter("datum.seed !== null").mark_point(size=14, clip=True)
        right, left = (alt.Chart(names) for names in _names(part))
        right = right.mark_text(align="left", dx=6, dy=-7, fontSize=10)
        left = left.mark_text(align="right", dx=-6, dy=-7, fontSize=10)
        return alt.layer(
            span.encode(y=alt.Y("low:Q", title=y_title), y2=alt.Y2("high")),
            single.encode(y=y),
            point.encode(y=y, shape=encodings["shape"], tooltip=told),
            *(text.encode(x=x, y=y, text=alt.Text("label:N")) for text in (right, left)),
            width=300, height=190, title=f"{task}: {quality}",
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick, columns=2)
