"""Heat maps of recall: accuracy by context length and by where the answer stands."""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PAIR = ["task", "stream", "label", "extension"]


def recalled(
    tables: dict[str, pl.DataFrame], protocol: str, bin_by: str, controls: list[str], keep: int
) -> pl.DataFrame:
    """Give the mean accuracy of each cell for the variants and extensions that are worth a map.

    These are the default, new variants, and of each task and stream the `keep` pairs that recall
    best beyond N at the longest context; `beyond` says where the answer may stand beyond N.
    """
    values = statistics.measured(tables, protocol, ["length", "bin_lo", "bin_hi"], bin_by)
    values = values.filter(
        pl.col("unit") == "accuracy",
        ~pl.col("extension").is_in(controls),
        (pl.col("bin_lo") < pl.col("length")) | pl.lit(bin_by != "lag"),  # it stands in the context
    )
    far = pl.col("length") > pl.col("train_length")
    if bin_by == "lag":
        far = pl.col("bin_lo") >= pl.col("train_length")
    cells = [*PAIR, "suffix", "order", "new", "train_length", "length", "bin_lo", "bin_hi"]
    frame = (
        values.with_columns(beyond=far)
        .group_by(*cells, "beyond")
        .agg(pl.col("value").mean().alias("mean"), pl.col("value").min().alias("worst"), k=pl.len())
        .sort("task", "stream", "order", "extension", "length", "bin_lo")
    )
    last = frame.filter("beyond", pl.col("length") == pl.col("length").max().over("task", "stream"))
    best = last.group_by(PAIR, maintain_order=True).agg(score=pl.col("mean").mean())
    place = pl.col("score").rank("ordinal", descending=True).over("task", "stream")
    best = best.filter(place <= keep).select(*PAIR, chosen=pl.lit(True))
    frame = frame.join(best, on=PAIR, how="left", maintain_order="left")
    plain = (pl.col("extension") == "none") & ((pl.col("suffix") == "") | pl.col("new"))
    name = pl.col("label") + pl.when(pl.col("extension") == "none").then(pl.lit("")).otherwise(
        " + " + pl.col("extension")
    )
    frame = frame.filter(pl.col("chosen").fill_null(False) | plain).with_columns(name=name)
    return frame.drop("chosen", "suffix", "new")


def draw(frame: pl.DataFrame, x: alt.X, y: alt.Y, rule: dict[str, Any]) -> alt.ConcatChart:
    """Draw a row of maps for each task and stream; `rule` places the line at N."""

    def panel(part: pl.DataFrame) -> drawing.Panel:
        names = part["name"].unique(maintain_order=True).to_list()
        base = alt.Chart(part)
        scale = alt.Scale(scheme="viridis", domain=(0, 1))
        colour = alt.Color("mean:Q", title="accuracy", scale=scale)
        told = ("name", "length", "bin_lo", "bin_hi", "mean", "worst", "k")
        tooltip = theme.tooltip(part, *told)
        cells = base.mark_rect().encode(x=x, y=y, color=colour, tooltip=tooltip)
        edge = base.transform_filter("datum.edge").mark_rule(strokeWidth=2, color=theme.PALETTE[1])
        chart = alt.layer(cells, edge.encode(**rule), width=alt.Step(17), height=alt.Step(17))
        facet = alt.Facet("name:N", title=None, sort=names, header=alt.Header(labelLimit=190))
        title = theme.documents(part["task"][0], part["stream"][0])
        return chart.facet(facet, columns=5).properties(title=title)

    return drawing.panels(frame, ["task", "stream"], panel, columns=1)
