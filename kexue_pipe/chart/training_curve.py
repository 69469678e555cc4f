"""Training loss, and accuracy where the task has a threshold for it, against the step.

    loss(step) = mean training loss over the logged stretch that ends at the step

Loss in nats per token, or squared error for images. Source: none; variants are comparable once
their curves have levelled off, never at equal steps before it.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import checkpoints, drawing, statistics

PANEL = ["task", "measure"]


def data(tables: dict[str, pl.DataFrame], *, points: int, keep: int) -> pl.DataFrame:
    """Give mean and interval over seeds at about `points` logged steps of each variant."""
    solvable = tables["runs"].filter(pl.col("solved").is_not_null())["variant"].unique().to_list()
    identity = checkpoints.trained(tables).select("variant", "chance", *statistics.IDENTITY)
    long = (
        tables["training"]
        .rename({"quantity": "measure"})
        .filter(
            (pl.col("measure") == "loss")
            | ((pl.col("measure") == "accuracy") & pl.col("variant").is_in(solvable))
        )
        .join(identity, on="variant", maintain_order="left")
    )
    rank, total = (
        pl.col("step").rank("dense").over("variant"),
        pl.col("step").n_unique().over("variant"),
    )
    stride = (total / points).ceil()
    long = long.filter(((total - rank) % stride) == 0)
    long = long.with_columns(images=pl.col("chance").is_null())
    keys = [
        *PANEL,
        *(n for n in statistics.IDENTITY if n not in PANEL),
        "variant",
        "images",
        "step",
    ]
    frame = statistics.over_seeds(long, keys).with_columns(extension=pl.lit("none"))
    sign = pl.when(pl.col("measure") == "accuracy").then(1).otherwise(-1)
    frame = frame.with_columns(gain=sign * pl.col("mean"), unit="measure")
    frame = drawing.emphasise(frame, PANEL, "step", keep).sort(*PANEL, maintain_order=True)
    return frame.drop("variant", "gain", "train_length")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and measure."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, measure, images = part.select(*PANEL, "images").row(0)
        unit = "squared error" if images else "nats per token"
        title = "training accuracy" if measure == "accuracy" else f"training loss ({unit})"
        x = alt.X("step:Q", title="optimizer step").axis(tickCount=6)
        return drawing.layers(
            part, x, title, title=f"{task}: {measure}", pick=pick, encodings=encodings, small=True
        )

    return drawing.panels(frame, PANEL, panel, pick)
