"""What a prior on codes saves: the bits per pixel at which it would code a picture.

    rate = loss / ln 2 / p^2,    uniform rate = log2 K / p^2

loss is the mean over all codes of grids of the training size, nats; a code stands for p x p pixels,
and there are K. An arithmetic coder that is told what the model predicts reaches this rate. Levels
are the rates of plain frequencies: `unigram` codes one code at a time. Source: van den Oord et al.,
"Neural Discrete Representation Learning" (arXiv 1711.00937), section 3.3.
"""

from math import log
from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import dots, statistics, theme

PANEL = ["task", "stream"]
MODEL, UNIFORM = "model", "uniform"


def data(tables: dict[str, pl.DataFrame], **_: Any) -> pl.DataFrame:
    """Give the rate of each variant on each stream with its interval, and those of its levels."""
    pixels = pl.col("pixels_per_token")
    at_n = pl.col("length") == pl.col("train_length")
    coded = tables["variants"].filter(pixels.is_not_null())
    values = statistics.measured(tables, "fixed", ["length"])
    values = values.filter(pl.col("extension") == "none", pl.col("unit") == "bits", at_n)
    values = values.join(coded.select("variant", pixels), on="variant")
    coded = coded.join(values, on="task", how="semi")  # pictures have levels too, without a prior
    levels = tables["levels"].join(coded.select("variant", pixels, *statistics.IDENTITY), "variant")
    by = ["stream", "variant", *statistics.IDENTITY, "measure"]
    measures = (
        values.with_columns(measure=pl.lit(MODEL), rate=pl.col("value")),
        values.with_columns(measure=pl.lit(UNIFORM), rate=pl.col("guess")),
        levels.filter(at_n).with_columns(measure="level", rate=pl.col("loss") / log(2.0)),
    )
    long = pl.concat(m.select(*by, "seed", value=pl.col("rate") / pixels) for m in measures)
    frame = statistics.over_seeds(long, by).drop("variant")
    model = pl.col("measure") == MODEL
    return frame.sort(*PANEL, "order", ~model, "measure", "seed")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each stream: a row for each variant, a point for each measure."""
    return dots.draw_measures(frame, PANEL, "bits per pixel", "predicted by", theme.documents)
