"""Recall by how far back the answer stands and by the length of the context.

    cell(lag, T) = mean over seeds of the share of scored tokens that are predicted

The lag, tokens from the query back to what its answer depends on, is binned in octaves; T context
length, N training length. Only a lag beyond N is extrapolation, whatever T is. Source: recall at
controlled distances as in RULER (arXiv 2404.06654).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import maps


def data(tables: dict[str, pl.DataFrame], *, controls: list[str], keep: int) -> pl.DataFrame:
    """Give the accuracy of each octave of lags and length of the variants worth a map."""
    frame = maps.recalled(tables, "fixed", "lag", controls, keep)
    first = pl.col("bin_lo").filter("beyond").min().over("task", "stream")
    return frame.with_columns(edge=pl.col("bin_lo") == first)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw maps of lag against context length; the line stands at the training length."""
    x = alt.X("bin_lo:O", title="lag (tokens, from)", axis=alt.Axis(labelAngle=-60))
    y = alt.Y("length:O", title="context T", sort="descending")
    return maps.draw(frame, x, y, {"x": alt.X("bin_lo:O", bandPosition=0)})
