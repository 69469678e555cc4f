"""The power of attention outputs against row length, where it is the only trace of position.

    mean_d y_d^2 = sigma^2 / n     for a uniform row over n independent values of mean zero

y output of one head, (D,); n visible keys. Without a positional encoding this decrease is what can
tell a decoder where it is. Source: Decoder-only的LLM为什么需要位置编码 (post 10347, 2024-09-01);
Chi et al. (arXiv 2305.13571). The law is drawn through the first measured bin.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "layer"]


def data(
    tables: dict[str, pl.DataFrame], *, metric: str, positions: list[str], layers: list[int]
) -> pl.DataFrame:
    """Give mean and interval of the mean over heads, and the law, by layer and row length."""
    law, *_ = positions
    chosen = tables["variants"].filter(
        pl.col("position").is_in(positions),
        pl.col("suffix").is_in(["", *(f"position={name}" for name in positions)]),
        (pl.col("position") == law).any().over("task"),
    )
    means = statistics.head_means(tables, [metric], ["none"])
    means = means.filter(pl.col("layer").is_in(layers))
    means = means.join(chosen.select("variant", "position"), on="variant")
    identity = [name for name in statistics.IDENTITY if name not in PANEL]
    by = [*PANEL, *identity, "position", "row_length"]
    heads = means.group_by(*by, "seed", maintain_order=True).agg(pl.col("value").mean())
    frame = statistics.over_seeds(heads, by).with_columns(emphasis=pl.lit(True))
    own = frame.filter(pl.col("seed").is_null(), pl.col("position") == law).sort("row_length")
    first = own.group_by(PANEL).agg(scale=(pl.col("mean") * pl.col("row_length")).first())
    return (
        frame.join(first, on=PANEL, maintain_order="left")
        .with_columns(
            pl.when(pl.col("low") > 0).then("low").alias("low"),  # a logarithmic axis has no zero
            pl.when(pl.col("low") > 0).then("high").alias("high"),
            law=pl.col("scale") / pl.col("row_length"),
            extension=pl.lit("none"),
        )
        .drop("scale", "position")
        .sort(*PANEL, "order", "row_length", "seed")
    )


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each task and layer; dashed: the law 1 / n."""
    encodings, pick = drawing.series(frame), drawing.picker(frame)
    x = drawing.log_axis("row_length", frame, "row length n (visible keys)")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        title = "mean square of the output"
        low, high = theme.extent(part, "mean", "law")
        scale = alt.Scale(type="log", domain=(low / 1.4, high * 1.4), nice=False)
        law = part.select("row_length", "law").unique().sort("row_length")
        y = alt.Y("law:Q", title=title)
        line = alt.Chart(law).encode(x=x, y=y).mark_line(strokeDash=[6, 3], color=theme.PALETTE[6])
        text = (
            alt.Chart(law.tail(1))
            .encode(x=x, y=y)
            .mark_text(align="right", dx=-12, dy=6, text="1/n")
        )
        name = f"{part['task'][0]}, layer {part['layer'][0]}"
        return drawing.layers(
            part, x, title, title=name, pick=pick, encodings=encodings,
            extra=[line, text, *drawing.train_rule(part, x)], small=True, scale=scale,
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick)
