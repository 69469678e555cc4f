"""Every variant under every extension: how far it holds, and what it costs or gains there.

    number: T_eff / N, geometric mean over seeds
    colour: gain(variant + extension at f N) - gain(variant as it is at N), mean over seeds

T_eff effective length, N training length; gain is bits per token with the sign turned, or
accuracy, on the same tokens: blue is better than the trained model in range, red is worse. Source:
none; the reference is the plain model, so that what an extension costs in range is seen.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics, theme

PANEL = ["task", "stream", "unit"]


def data(tables: dict[str, pl.DataFrame], *, factor: int, limits: dict[str, float]) -> pl.DataFrame:
    """Give number and colour of each pair, for the variants that have an extension."""
    values = statistics.measured(tables, "fixed", ["length"])
    several = pl.col("extension").n_unique().over("variant") > 1
    values = values.filter(several)
    key, n = ["variant", "stream", "seed"], pl.col("train_length")
    start = values.filter(pl.col("extension") == "none", pl.col("length") == n)
    start = start.select(*key, pl.col("gain").alias("start"))
    reached = pl.when(pl.col("length") <= factor * n).then("length")
    far = values.filter(pl.col("length") == reached.max().over("variant", "stream"))
    far = far.join(start, on=key).group_by("variant", "stream", "extension").agg(
        change=(pl.col("gain") - pl.col("start")).mean(), at=pl.col("length").first()
    )  # fmt: skip
    by = [*PANEL, "variant", "label", "order", "extension", "train_length"]
    lengths = statistics.effective_lengths(values)
    frame = statistics.effective_over_seeds(lengths, tables["runs"], by)
    frame = frame.join(far, on=["variant", "stream", "extension"], how="left")
    bound = pl.col("unit").replace_strict(limits, return_dtype=pl.Float64)
    times = pl.col("mean") / n
    complete = pl.col("seeds").list.first() == pl.col("tested")
    text = pl.when("ranked").then(
        pl.when(complete).then(pl.lit("≥")).otherwise(pl.lit(""))
        + pl.when((times - times.round(0)).abs() < 0.05)
        .then(times.round(0).cast(pl.Int64).cast(pl.String))
        .otherwise(times.round(1).cast(pl.String))
    )
    frame = frame.with_columns(
        text=text.fill_null("–"), tone=(pl.col("change") / bound).clip(-1.0, 1.0)
    )
    return frame.sort(*PANEL, "order", "variant", "extension").drop("variant", "ranked", "seeds")


def draw(frame: pl.DataFrame, **_: Any) -> alt.ConcatChart:
    """Draw one map for each task and stream: variants down, extensions across."""
    pick = drawing.picker(frame, legend=False)
    names = sorted(frame["extension"].unique(), key=lambda name: (name != "none", name))

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, stream, _ = part.select(PANEL).row(0)
        x = alt.X("extension:N", sort=names, title=None)
        y = alt.Y("label:N", sort=part["label"].unique(maintain_order=True).to_list(), title=None)
        base = alt.Chart(part).encode(
            x=x.axis(orient="top", labelAngle=-50, labelLimit=170, domain=False, ticks=False),
            y=y.axis(domain=False, ticks=False),
        )
        legend = alt.Legend(title="change", values=[-1, 0, 1], labelExpr=_NAMES)
        colour = alt.Color("tone:Q", legend=legend)
        told = ("label", "extension", "change", "at", "mean", "low", "high", "k")
        cells = base.mark_rect(stroke="white", strokeWidth=1).encode(
            color=colour.scale(scheme="redblue", domain=(-1, 1)),
            opacity=drawing.choose(alt.OpacityValue, pick, 1.0, 0.35),
            tooltip=theme.tooltip(part, *told),
        )
        ink = drawing.choose(alt.ColorValue, "abs(datum.tone) > 0.6", "white", "#24282e")
        text = base.mark_text().encode(text=alt.Text("text:N"), color=ink)
        return alt.layer(
            cells.add_params(pick), text,
            width=alt.Step(34), height=alt.Step(20), title=theme.documents(task, stream),
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, columns=1)


_NAMES = "datum.value < 0 ? 'worse' : datum.value > 0 ? 'better' : 'as at N'"
