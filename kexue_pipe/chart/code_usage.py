"""How much of its code book a quantizer uses, by the size K of the book.

    used = share of codes with a token,   over 1 % = share of codes with q_k > 0.01 / K,
    perplexity / K = exp(H) / K,   H = -sum_k q_k log q_k

q (K,) are frequencies over the n tokens of the split; H with the Miller-Madow correction. Uniform
use of all codes would touch the share 1 - exp(-n / K). Source: "Finite Scalar Quantization: VQ-VAE
Made Simple", arXiv 2309.15505, on collapse of the code book.
"""

from typing import Any

import altair as alt
import polars as pl

from kexue_pipe.core import drawing, statistics

PANEL = ["task", "split", "measure"]
MEASURES = {"used": 0, "over 1 %": 1, "perplexity / K": 2}  # in the order of panels
COUNTED = ("used", "over 1 %")  # which too few tokens cap
SIZE = (215, 190)


def data(tables: dict[str, pl.DataFrame], *, min_tokens: float, budgets: list[str]) -> pl.DataFrame:
    """Give the shares of the joint code book with intervals, then what n tokens allow as `level`.

    Variants of one `family` differ in the knobs of `budgets` only; `enough` is the largest K for
    which a split has `min_tokens` for each code.
    """
    variants = tables["variants"].select("variant", "quantizer", *statistics.IDENTITY)
    variants = statistics.families(variants, budgets)
    codes = tables["codes"].filter(pl.col("level") == "joint", pl.col("num_codes") > 0)
    codes = codes.join(variants.drop("quantizer"), on="variant")
    per_code = pl.col("n_tokens") / pl.col("num_codes")
    perplexity = pl.col("entropy_mm").exp() / pl.col("num_codes")
    shares = (
        pl.col("used") / pl.col("num_codes"),
        pl.col("used_1pct") / pl.col("num_codes"),
        pl.min_horizontal(perplexity, 1.0),
    )
    codes = codes.with_columns(
        *(share.alias(name) for name, share in zip(MEASURES, shares, strict=True)),
        attainable=1 - (-per_code).exp(),
        enough=pl.col("n_tokens") / min_tokens,
    )
    own = [*statistics.IDENTITY, "family", "num_codes", "attainable", "enough"]
    by = ["split", "variant", *own]
    long = codes.unpivot(list(MEASURES), index=[*by, "seed"], variable_name="measure")
    frame = statistics.over_seeds(long, [*by, "measure"]).drop("variant")
    frame = frame.with_columns(emphasis=pl.lit(True), extension=pl.lit("none"), unit=pl.lit("1"))
    counted = frame.filter(pl.col("measure").is_in(COUNTED))
    even = counted.group_by(*PANEL, "num_codes", "unit").agg(mean=pl.col("attainable").min())
    frame = pl.concat([frame, even.with_columns(level=pl.lit("even use"))], how="diagonal")
    rank = pl.col("measure").replace_strict(MEASURES, return_dtype=pl.Int64)
    task, unseen = pl.col("order").min().over("task"), pl.col("split") != "test"
    keys = (task, "task", unseen, "split", rank, "level", "order", "label", "num_codes", "seed")
    first = pl.col("order").min().over("family")
    return frame.sort(*keys).with_columns(order=first.rank("dense").cast(pl.Int64) - 1)


def draw(frame: pl.DataFrame, *, min_tokens: float, **_: Any) -> alt.ConcatChart:
    """Draw one panel for each split and measure: a line over K for each family of quantizers."""
    books = drawing.lines(frame)
    encodings = drawing.series(books, "family", "quantizer")
    pick = drawing.picker(books, "family")
    x = drawing.log_axis("num_codes", books, "codes K")

    def panel(part: pl.DataFrame) -> drawing.Panel:
        task, split, measure = part.select(PANEL).row(0)
        return drawing.layers(
            part, x, "share of the code book", title=f"{task}, {split}: {measure}", pick=pick,
            encodings=encodings, extra=_enough(part, x, min_tokens), small=True,
            scale=alt.Scale(domain=(0.0, 1.08)), size=SIZE,
        )  # fmt: skip

    return drawing.panels(frame, PANEL, panel, pick, columns=3)


def _enough(part: pl.DataFrame, x: alt.X, min_tokens: float) -> list[alt.Chart]:
    """Mark the K right of which a split has too few tokens, where books lie there."""
    most = part["enough"].min()
    rows = part.filter(pl.col("num_codes") > most).select(num_codes="enough").head(1)
    base = alt.Chart(rows).encode(x=x)
    rule = base.mark_rule(strokeDash=[2, 3], strokeWidth=1.5, clip=True)
    text = base.mark_text(align="right", dx=-4, clip=True, text=f"n = {min_tokens:g} K")
    return [rule, text.encode(y=alt.YValue(SIZE[1] - 8))] if rows.height else []
