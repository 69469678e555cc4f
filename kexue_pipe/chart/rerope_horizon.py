"""ReRoPE and Leaky ReRoPE against the length at which a fixed spacing runs out of distances.

    T* = w + k (N - w) + 1      the farthest pair of T* tokens stands at w + (T* - 1 - w) / k = N

w window, N training length, tokens; k spacing of distances beyond the window. ReRoPE is k infinite
and has no horizon; without a given k, Leaky ReRoPE takes one for each T. Source: Transformer升级
之路:12、无限外推的ReRoPE? (post 9708, 2023-08-07).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "stream", "unit"]


def data(tables: dict[str, pl.DataFrame], *, reference: list[str], window: float) -> pl.DataFrame:
    """Give what is lost against the value at N, with the horizon of each fixed k."""
    k, w = (pl.col("extension").str.extract(rf"\b{knob}=([^,)]+)") for knob in ("k", "window"))
    values = statistics.measured(tables, "fixed", ["length"])
    chosen = pl.col("extension").str.contains(r"^leaky_rerope(\(|$)")
    chosen = chosen | pl.col("extension").is_in(reference)
    values = values.filter(pl.col("suffix") == "", chosen).with_columns(
        spacing=k.cast(pl.Float64), window=w.cast(pl.Float64).fill_null(window)
    )
    values = values.filter(pl.col("spacing").is_not_null().any().over("task", "stream"))
    key = ["variant", "extension", "stream", "seed"]
    start = values.filter(pl.col("length") == pl.col("train_length"))
    values = values.join(start.select(*key, pl.col("gain").alias("start")), on=key)
    n, inside = pl.col("train_length"), pl.col("window") * pl.col("train_length")
    values = values.filter(pl.col("length") >= n).with_columns(
        value=pl.col("start") - pl.col("gain"),
        name="extension",
        horizon=inside + pl.col("spacing") * (n - inside) + 1,
    )
    ranks = {name: i for i, name in enumerate(sorted(values["name"].unique()))}
    by = [*PANEL, "name", "train_length", "horizon", "length"]
    frame = statistics.over_seeds(values, by)
    order = pl.col("name").replace_strict(ranks, return_dtype=pl.Int64)
    same = {"emphasis": pl.lit(True), "new": pl.lit(False), "extension": pl.lit("")}
    return frame.with_columns(order=order, **same).sort(*PANEL, "order", "length", "seed")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and stream, with the horizon of each fixed k as a rule."""
    encodings = drawing.series(frame, "name", "extension")
    pick = drawing.picker(frame, "name")
    x = drawing.log_axis("length", frame, "context length T (tokens)")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, stream, unit = part.select(PANEL).row(0)
        marks = part.filter(pl.col("horizon").is_not_null()).select("name", length="horizon")
        base = alt.Chart(marks.unique().sort("length", "name")).encode(x=x)
        rule = base.mark_rule(strokeDash=[6, 3], strokeWidth=1.5, clip=True)
        rule = rule.encode(color=encodings["color"])
        text = base.mark_text(baseline="bottom", dy=-3, text="T*").encode(y=alt.YValue(0))
        title = f"lost against T = N, {theme.axis_title(task, unit)}"
        return drawing.layers(
            part.drop("unit"), x, title, title=theme.documents(task, stream), pick=pick,
            encodings=encodings, extra=[rule, text, *drawing.train_rule(part, x)],
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
