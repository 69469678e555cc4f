"""How well a linear classifier reads off what a picture shows, before and after quantisation.

    accuracy = share of test pictures with y_n = argmax_c (W f_n + b)_c

y_n is the label of picture n; f_n are its pixels, its latents, the values of its codes, or the
codes themselves as one-hot rows; W and b are fitted on training pictures. Source: Alain and Bengio,
"Understanding Intermediate Layers Using Linear Classifier Probes" (arXiv 1610.01644).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import dots, statistics

PANEL = ["task"]
STREAM = "labels"
MEASURES = ("pixels", "latents", "values", "codes")  # what is read


def data(tables: dict[str, pl.DataFrame], **_: Any) -> pl.DataFrame:
    """Give the accuracy of each variant from each kind of numbers, with its interval."""
    labels = tables["levels"].filter(pl.col("stream") == STREAM)
    variants = tables["variants"].select("variant", *statistics.IDENTITY)
    long = labels.rename({"level": "measure"}).join(variants, on="variant")
    by = ["variant", *statistics.IDENTITY, "measure"]
    frame = statistics.over_seeds(long, by, "accuracy").drop("variant")
    return frame.sort("task", "order", pl.col("measure").cast(pl.Enum(MEASURES)), "seed")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task: a row for each variant, a point for each kind of numbers."""
    title = "share of labels that are read"
    return dots.draw_measures(frame, PANEL, title, "read from", str, zero=False)
