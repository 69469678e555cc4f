"""Dead rows of a code book, rows that restart, and lengths of latents and codes, over training.

    dead = share of rows with N_k < tau N / K        restarts = rows set to latents in a step
    latent norm = mean_n |z_n|,  code norm = mean_n |q_n|

N_k is the running count of row k among N latents of a step, K rows; where nothing restarts, tau is
the 0.01 that would. z (N, D) are what is quantised, q (N, D) their codes. Values are means over a
logged stretch of steps. Source: Dhariwal et al., "Jukebox" (arXiv 2005.00341), on restarts; in the
last tenth of the training nothing restarts. The post *VQ的旋转技巧* (2024-10-24), on lengths.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import checkpoints, drawing, statistics

PANEL = ["task", "measure"]
TITLES = {
    "dead": "share of dead rows",
    "restarts": "rows restarted in a step",
    "latent norm": "mean length of latents",
    "code norm": "mean length of their codes",
}


def data(tables: dict[str, pl.DataFrame], *, points: int, keep: int) -> pl.DataFrame:
    """Give mean and interval over seeds at about `points` logged steps of each code book.

    What never restarts is left out of the panel of restarts; those with the most are emphasised.
    """
    identity = checkpoints.trained(tables).select("variant", *statistics.IDENTITY)
    rank = pl.col("step").rank("dense").over("variant")
    total = pl.col("step").n_unique().over("variant")
    happens = (pl.col("value") != 0).any().over("variant", "measure")
    long = (
        tables["training"]
        .with_columns(measure=pl.col("quantity").str.replace("_", " "))
        .filter(pl.col("measure").is_in([*TITLES]))
        .filter((pl.col("measure") == "dead").any().over("variant"))
        .filter((pl.col("measure") == "dead") | happens)
        .filter(((total - rank) % (total / points).ceil()) == 0)
        .join(identity, on="variant", maintain_order="left")
    )
    rest = [name for name in statistics.IDENTITY if name not in PANEL]
    frame = statistics.over_seeds(long, [*PANEL, *rest, "variant", "step"])
    place = pl.col("measure").cast(pl.Enum([*TITLES]))
    frame = frame.sort("task", place, "order", "variant", "step", "seed").with_columns(
        gain=pl.col("mean").sum().over(*PANEL, "variant"), extension=pl.lit("none")
    )
    return drawing.emphasise(frame, PANEL, "step", keep).drop("variant", "gain")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and measure; both lengths of a task have the same axis."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    lengths = frame.filter(pl.col("measure").str.ends_with("norm"))

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, measure = part.select(PANEL).row(0)
        both = lengths.filter(task=task) if measure.endswith("norm") else part
        scale = drawing.value_scale(both, floor=0.0, ceiling=0.05)
        x = alt.X("step:Q", title="optimizer step").axis(tickCount=6)
        return drawing.layers(
            part, x, TITLES[measure], title=f"{task}: {measure}", pick=pick,
            encodings=encodings, small=True, scale=scale,
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
