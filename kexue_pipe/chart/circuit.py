"""The step at which each run finds the circuit that solves its task.

    step = first logged step with training accuracy >= (chance + solved) / 2

chance and solved are the accuracies of a guess and of the task's threshold. Source: the abrupt
in-context circuits of Olsson et al., In-context Learning and Induction Heads (arXiv 2209.11895).
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import checkpoints, drawing, theme


def data(tables: dict[str, pl.DataFrame], *, top: int) -> pl.DataFrame:
    """Give the step of each run of a task with a threshold, earliest variants first."""
    runs = tables["runs"].filter(pl.col("solved").is_not_null())
    identity = checkpoints.trained(tables)
    identity = identity.select("variant", "task", "suffix", "label", "order", "new")
    runs = runs.join(identity, on="variant")
    never = pl.col("circuit_step").is_null()
    variant = ["task", "label", "order"]
    runs = runs.with_columns(
        k=pl.len().over(variant),
        never=never.sum().over(variant),
        typical=pl.col("circuit_step").fill_null(2**31).median().over(variant),
    )
    place = pl.struct("typical", "order").rank("dense").over("task")
    shown = (place <= top) | pl.col("new") | (pl.col("suffix") == "") | (pl.col("never") > 0)
    runs = runs.filter(shown).sort("task", "typical", "order", "seed")
    columns = ["task", "label", "seed", "circuit_step", "solved", "steps", "k", "never", "new"]
    return runs.select(columns)


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task: a point for each run, and in words who never gets there."""

    pick = drawing.picker(frame, legend=False)

    def panel(part: pl.DataFrame) -> drawing.Panel:
        names = part["label"].unique(maintain_order=True).to_list()
        y = alt.Y("label:N", sort=names, title=None).axis(grid=True, ticks=False, domain=False)
        last = int(theme.extent(part, "steps")[1])
        scale = alt.Scale(domain=(0, last), nice=False)
        x = alt.X("circuit_step:Q", title="optimizer step", scale=scale)
        base = alt.Chart(part).encode(y=y)
        found = base.transform_filter("datum.circuit_step !== null")
        blue, orange = theme.PALETTE[:2]
        points = found.mark_point(size=60).encode(
            x=x,
            stroke=drawing.choose(alt.StrokeValue, "datum.new", orange, blue),
            fill=drawing.choose(alt.FillValue, "datum.new", orange, blue),
            fillOpacity=drawing.choose(alt.FillOpacityValue, "datum.solved", 0.8, 0.0),
            opacity=drawing.choose(alt.OpacityValue, pick, 1.0, 0.2),
            tooltip=theme.tooltip(part, "label", "seed", "circuit_step", "solved", "steps"),
        )
        lost = pl.col("never").cast(pl.String) + " of " + pl.col("k").cast(pl.String)
        lost = lost + f" not within {last} steps"
        rows = part.filter(pl.col("never") > 0).unique("label", maintain_order=True)
        rows = rows.select("label", text=lost)
        text = alt.Chart(rows).mark_text(align="left", dx=6)
        text = text.encode(y=y, x=alt.XValue("width"), text=alt.Text("text:N"))
        layers = [points.add_params(pick), text] if rows.height else [points.add_params(pick)]
        return alt.layer(*layers, width=300, height=alt.Step(16), title=part["task"][0])

    return drawing.panels(frame, ["task"], panel, columns=1)
