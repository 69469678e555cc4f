"""Noise that attention passes on from its scores to its output, measured against predicted.

    R = E |o~ - o|^2 / sum_j p_j |v_j - o|^2  ~  (e^(sigma^2) - 1) sum_j p_j^2 |v_j - o|^2 / (same)

o, o~ output of a row without and with noise of standard deviation sigma on its scores; p, v shares
and values of its keys. Both sides are of the same rows, so nothing is compared across lengths; over
the heads of a layer stand geometric means. The interval is that of measured / predicted, paired by
seed, around the predicted value. Source: 注意力和Softmax的两点有趣发现:鲁棒性和信息量 (post
9593, 2023-04-25), which expects R about 0; the prediction is the delta method's.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "layer"]


def data(
    tables: dict[str, pl.DataFrame],
    *,
    measured: str,
    predicted: str,
    extensions: list[str],
    keep: int,
) -> pl.DataFrame:
    """Give predicted and measured noise, with an interval, for each layer and row length."""
    means = statistics.head_means(tables, [measured, predicted], extensions)
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    by = [*PANEL, *identity, "extension", "row_length"]
    log = pl.col("value").log()
    heads = (
        means.group_by(*by, "seed", maintain_order=True)
        .agg(
            measured=log.filter(pl.col("metric") == measured).mean(),
            law=log.filter(pl.col("metric") == predicted).mean(),
        )
        .drop_nulls(["measured", "law"])
    )
    ratio = heads.with_columns(value=pl.col("measured") - pl.col("law"))
    law = heads.group_by(by).agg(predicted=pl.col("law").mean().exp())
    frame = statistics.over_seeds(ratio, by).filter(pl.col("seed").is_null())
    frame = frame.join(law, on=by, maintain_order="left").with_columns(
        (pl.col("predicted") * pl.col(name).exp()).alias(name) for name in ("mean", "low", "high")
    )
    frame = frame.drop_nulls("mean").with_columns(gain=-pl.col("mean"))
    frame = drawing.emphasise(frame, PANEL, "row_length", keep)
    return frame.drop("gain", "seed").sort(*PANEL, "order", "extension", "row_length")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer; dashed: measured as predicted."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    low, high = theme.extent(frame, "predicted", "mean")
    ends = (low / 1.5, high * 1.5)
    scale = alt.Scale(type="log", domain=ends, nice=False)
    axis = alt.Axis(format="~g", tickCount=5, grid=False)
    x = alt.X("predicted:Q", title="predicted R", scale=scale, axis=axis)
    title = "measured R"
    y = alt.Y("mean:Q", title=title, scale=scale, axis=axis)
    lengths = alt.Scale(type="log", domain=theme.extent(frame, "row_length"), range=(8, 110))
    size = alt.Size("row_length:Q", scale=lengths, legend=alt.Legend(title="keys", tickCount=4))
    same = alt.Chart(pl.DataFrame({"predicted": ends, "mean": ends})).encode(x=x, y=y)
    diagonal = same.mark_line(strokeDash=[6, 3], color=theme.PALETTE[6])

    def panel(part: pl.DataFrame) -> drawing.Panel:
        base = alt.Chart(part).encode(x=x, color=encodings["color"])
        faint = drawing.choose(alt.OpacityValue, pick, 1.0, 0.08)
        told = ("label", "extension", "row_length", "predicted", "mean", "low", "high", "k")
        interval = base.transform_filter("datum.low !== null").mark_rule(clip=True)
        interval = interval.encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high"), opacity=faint)
        point = base.mark_point(filled=True).encode(
            y=y,
            shape=encodings["shape"],
            size=size,
            opacity=faint,
            tooltip=theme.tooltip(part, *told),
        )
        name = f"{part['task'][0]}, layer {part['layer'][0]}"
        return alt.layer(diagonal, interval, point, width=280, height=280, title=name)

    return drawing.panels(frame, PANEL, panel, pick)
