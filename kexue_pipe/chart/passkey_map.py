"""Recall by where in the context the answer stands and by the length of the context.

    cell(depth, T) = mean over seeds of the share of scored tokens that are predicted

The depth, in tenths of the context from its start, is where what the answer depends on stands;
T context length, N training length. Source: the needle-in-a-haystack figure, as for the passkeys of
Landmark Attention (arXiv 2305.16300).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import maps


def data(tables: dict[str, pl.DataFrame], *, controls: list[str], keep: int) -> pl.DataFrame:
    """Give the accuracy of each depth and length, for documents that are drawn for their length."""
    whole = tables["extrapolation"].filter(pl.col("protocol") == "whole")
    frame = maps.recalled(tables | {"extrapolation": whole}, "fixed", "depth", controls, keep)
    first = pl.col("length").filter("beyond").min().over("task", "stream")
    return frame.with_columns(edge=pl.col("length") == first)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw maps of context length against depth; the line stands behind the training length."""
    x = alt.X("length:O", title="context T", axis=alt.Axis(labelAngle=-60))
    y = alt.Y("bin_lo:O", title="depth (tenths)")
    return maps.draw(frame, x, y, {"x": alt.X("length:O", bandPosition=0)})
