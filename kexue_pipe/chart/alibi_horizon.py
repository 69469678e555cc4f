"""How far ALiBi heads read, against what their slope alone would allow.

    horizon(L) = sum_d d e^(-m d) / sum_d e^(-m d),  d = 0 ... L - 1,    m_h = 2^(-h E / H)
               = q / (1 - q) - L q^L / (1 - q^L),    q = e^(-m)          -> about 1 / m

m slope of head h of H, 1 / token; E largest exponent; L visible keys. The derived mean distance is
that of scores which are equal but for the penalty. Source: Press et al. (arXiv 2108.12409) for the
slopes; post 9431 (2023-01-12) for ALiBi as a soft window.
"""

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "label", "layer"]


def slopes(num_heads: int, max_exponent: float) -> list[float]:
    """Give the slope of each head; past a power of two, every other one of the next."""
    power = 1 << (num_heads.bit_length() - 1)
    full = [2.0 ** (-h * max_exponent / power) for h in range(1, power + 1)]
    between = [2.0 ** (-h * max_exponent / (2 * power)) for h in range(1, 2 * power + 1, 2)]
    return [*full, *between[: num_heads - power]]


def horizon(slope: float, length: float) -> float:
    """Give the mean distance of the weights e^(-m d) over d = 0 ... L - 1."""
    q = np.exp(-slope)
    return float(q / (1 - q) - length * q**length / (1 - q**length))


def data(
    tables: dict[str, pl.DataFrame], *, metric: str, max_exponent: float, tasks: list[str]
) -> pl.DataFrame:
    """Give measured and derived mean distance of each head, layer and row length."""
    exponent = pl.col("variant").str.extract(r"position\.max_exponent=([^,]+)").cast(pl.Float64)
    chosen = tables["variants"].filter(
        pl.col("position") == "alibi",
        ~pl.col("variant").str.contains("attention"),
        pl.col("task").is_in(tasks) | (len(tasks) == 0),
    )
    chosen = chosen.select("variant", exponent=exponent.fill_null(max_exponent))
    means = statistics.head_means(tables, [metric], ["none"]).join(chosen, on="variant")
    # heads have their slopes, so that head h is the same head in every seed
    by = [*PANEL, "variant", "train_length", "head", "exponent", "row_length"]
    frame = statistics.over_seeds(means, by)
    count = {name: n + 1 for name, n in frame.group_by("variant").agg(pl.col("head").max()).rows()}
    keys = frame.select("variant", "head", "exponent", "row_length").rows()
    slope = [slopes(count[name], exponent)[head] for name, head, exponent, _ in keys]
    derived = [horizon(m, row[3]) for m, row in zip(slope, keys, strict=True)]
    name = [f"1 / {1 / m:.4g}" for m in slope]
    return frame.with_columns(
        pl.Series("slope", name, pl.String),
        pl.Series("derived", derived, pl.Float64),
        pl.when(pl.col("low") > 0).then("low").alias("low"),  # a logarithmic axis has no zero
        pl.when(pl.col("low") > 0).then("high").alias("high"),
        order="head", emphasis=pl.lit(True), new=pl.lit(False), extension=pl.lit("none"),
    ).drop("variant", "exponent").sort(*PANEL, "head", "row_length", "seed")  # fmt: skip


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer; solid is measured, dashed is derived."""
    encodings = drawing.series(frame, "slope", "slope m")
    pick = drawing.picker(frame, "slope")
    x = drawing.log_axis("row_length", frame, "row length L (visible keys)")
    low, high = theme.extent(frame, "mean", "derived")
    scale = alt.Scale(type="log", base=2, domain=(low / 1.3, high * 1.3), nice=False)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, label, layer = part.select(PANEL).row(0)
        title = "mean distance (tokens)"
        line = alt.Chart(part.filter(pl.col("seed").is_null())).mark_line(strokeDash=[6, 3])
        line = line.encode(x=x, y=alt.Y("derived:Q", title=title), color=encodings["color"])
        extra = [line, *drawing.train_rule(part, x)]
        return drawing.layers(
            part, x, title, title=alt.Title(f"{task}, layer {layer}", subtitle=label), pick=pick,
            encodings=encodings, extra=extra, small=True, scale=scale,
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
