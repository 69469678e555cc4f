"""Trained rotary bases against what can be derived about a base without training.

    f_b(m) = sum_p cos(m b^(-2p/D)) >= 0 for all m < L(b)      r_p = N b^(-2p/D) / (2 pi)

L(b) is the context that base b serves: beyond it a key that is like its query may score below any
other; r_p counts the turns of pair p in training, and a pair with r_p < 1 has only seen an arc.
D width of a head, the cache of plain attention over 2 x layers x heads; N training length.
Source: Transformer升级之路:18 (post 10122, 2024-05-29); Base of RoPE Bounds Context Length
(arXiv 2405.14591).
"""

import math
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from kexue_pipe.core import drawing, rope_theory, statistics, theme

PANEL = ["kind", "task", "stream", "unit"]
BASE = r"position\.base=([^,]+)"


def data(tables: dict[str, pl.DataFrame], *, base: float, points: int) -> pl.DataFrame:
    """Give measured effective lengths, served lengths and under-rotated shares for each base."""
    heads = tables["attention"].group_by("variant").agg(
        cells=pl.col("layer").n_unique() * pl.col("head").n_unique()
    )  # fmt: skip
    named = pl.col("variant").str.extract(BASE).cast(pl.Float64)
    rotary = tables["variants"].filter(
        pl.col("position") == "rope",
        pl.col("suffix").str.contains(r"^(position\.base=[^,]+)?$"),
        ~pl.col("variant").str.contains("attention"),  # its heads may be others
    )
    rotary = rotary.join(heads, on="variant").select(
        "variant",
        base=named.fill_null(base),
        width=pl.col("cache_elements_per_token") // (2 * pl.col("cells")),
    )
    values = statistics.measured(tables, "fixed", ["length"])
    values = values.filter(extension="none").join(rotary, on="variant")
    by = [*PANEL[1:], "train_length", "width", "base"]
    frame = statistics.effective_over_seeds(
        statistics.effective_lengths(values).join(rotary, on="variant"), tables["runs"], by
    )
    frame = frame.filter(pl.col("base").n_unique().over(*PANEL[1:], "train_length", "width") > 1)
    if frame.is_empty():
        return frame
    derived = [_derived(key, part, points) for key, part in _setups(frame)]
    frame = frame.with_columns(kind=pl.lit("measured")).sort(by)
    return pl.concat([frame, *derived], how="diagonal")


def _setups(frame: pl.DataFrame) -> list[Any]:
    return sorted(frame.partition_by("width", "train_length", as_dict=True).items())


def _derived(key: tuple[int, int], part: pl.DataFrame, points: int) -> pl.DataFrame:
    """Give L(b), cut at twice the longest test, and the share of under-rotated pairs."""
    width, train_length = key
    low, high = theme.extent(part, "base")
    limit = 2 * int(theme.extent(part, "tested")[1])
    bases = np.geomspace(low / 2, high * 2, points).tolist()
    served = [float(rope_theory.reach(b, width, limit)) for b in bases]
    share = [rope_theory.under_rotated(b, width, train_length) / (width / 2) for b in bases]
    same = {"width": width, "train_length": train_length}
    rows = [
        {"kind": kind, "base": b, "mean": value} | same
        for kind, values in (("served", served), ("share", share))
        for b, value in zip(bases, values, strict=True)
    ]
    return pl.DataFrame(rows)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw measured lengths over the derived curve, and the share of under-rotated pairs."""
    measured = frame.filter(kind="measured")
    shares = frame.filter(kind="share")
    low, high = theme.extent(frame, "base")
    ticks = [10.0**i for i in range(13) if low <= 10**i <= high]
    axis = alt.Axis(values=ticks, format="~s", grid=False)
    scale = alt.Scale(type="log", domain=(low, high), nice=False)
    x = alt.X("base:Q", title="base b", scale=scale, axis=axis)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        kind, task, stream, _ = part.select(PANEL).row(0)
        if kind == "share":
            y = alt.Y("mean:Q", title="share of pairs with r < 1", scale=alt.Scale(domain=(0, 1)))
            line = alt.Chart(part).mark_line(interpolate="step", color=theme.PALETTE[6])
            line = line.encode(x=x, y=y, detail=alt.Detail("width:N"))
            title = f"derived: N = {part['train_length'][0]}, D = {part['width'][0]}"
            return alt.layer(line, width=300, height=200, title=title)
        keys = ["width", "train_length"]
        curve = frame.filter(kind="served").join(part.select(keys).unique(), on=keys, how="semi")
        own, derived = theme.extent(part, "train_length", "tested"), theme.extent(curve, "mean")
        bottom = math.floor(math.log2(min(own[0], derived[0])))
        top = math.ceil(math.log2(max(own[1], derived[1])))
        domain = alt.Scale(type="log", base=2, domain=[2**bottom, 2 ** (top + 0.2)], nice=False)
        title = "length (tokens)"
        y_axis = alt.Axis(values=[2**i for i in range(bottom, top + 1)], format="d")
        y = alt.Y("mean:Q", title=title, scale=domain, axis=y_axis)
        bound = alt.Chart(curve).mark_line(strokeDash=[6, 3], color=theme.PALETTE[6], clip=True)
        bound = bound.encode(x=x, y=y, detail=alt.Detail("width:N"))
        base = alt.Chart(part).encode(x=x)
        rule = base.transform_filter("datum.low !== null").mark_rule(strokeWidth=2)
        rule = rule.encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high"))
        tooltip = theme.tooltip(part, "base", "mean", "low", "high", "k", "ranked")
        opacity = drawing.choose(alt.FillOpacityValue, "datum.ranked", 1.0, 0.0)
        point = base.mark_point(size=70, fill=theme.PALETTE[0], color=theme.PALETTE[0])
        point = point.encode(y=y, fillOpacity=opacity, tooltip=tooltip)
        start = alt.Chart(part.select("train_length").unique()).encode(
            y=alt.Y("train_length:Q", title=title)
        )
        mark = start.mark_rule(strokeDash=[2, 3])
        text = start.mark_text(align="right", dx=-3, dy=-5, text="N").encode(x=alt.XValue("width"))
        title = theme.documents(task, stream)
        return alt.layer(bound, mark, text, rule, point, width=300, height=200, title=title)

    return drawing.panels(pl.concat([measured, shares]), PANEL, panel, columns=2)
