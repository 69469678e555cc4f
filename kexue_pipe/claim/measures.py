"""What a claim can measure of one variant: functions from collected tables to one number per seed.

A yaml names the function as `quantity` and gives its other arguments. Lengths, lags and positions
are in training lengths N; text is read in bits per character, other tokens in bits per token.
"""

from collections.abc import Mapping
from math import log, log2

import polars as pl

from kexue_pipe.core.statistics import PROTOCOLS

Tables = Mapping[str, pl.DataFrame]
FAR = 1.0  # training lengths beyond which only runs that solved their task in range are read
FINE = 0.05  # bits, or share of tokens, that a kept length may be worse


def _rows(
    tables: Tables, kind: str, variant: str, *where: pl.Expr, length: float = 0.0
) -> pl.DataFrame:
    """Give the rows of a variant; beyond its training length, of runs that solved their task."""
    frame = tables[kind].filter(pl.col("variant") == variant, *where)
    if length <= FAR:
        return frame
    unsolved = tables["runs"].filter(pl.col("variant") == variant, ~pl.col("solved"))["seed"]
    return frame.filter(~pl.col("seed").is_in(unsolved.implode()))


def _tokens(variant: str, tables: Tables) -> int | None:
    """Give the training length of a variant."""
    found = tables["variants"].filter(pl.col("variant") == variant)["train_length"]
    return found[0] if len(found) else None


def _by_seed(frame: pl.DataFrame, value: pl.Expr) -> dict[int, float]:
    """Aggregate the rows of each seed to a number."""
    found = frame.group_by("seed").agg(value.cast(pl.Float64).alias("value")).drop_nulls()
    return dict(found.sort("seed").iter_rows())


def _sweep(
    tables: Tables,
    variant: str,
    extension: str,
    stream: str,
    length: float,
    protocol: str = "fixed",
    bin_by: str = "position",
) -> pl.DataFrame:
    """Give the rows of a sweep for the right to read them up to a length."""
    return _rows(
        tables,
        "extrapolation",
        variant,
        pl.col("extension") == extension,
        pl.col("stream") == stream,
        pl.col("protocol").is_in(PROTOCOLS[protocol]),
        pl.col("bin_by") == bin_by,
        pl.col("n") > 0,
        length=length,
    )


def _at(tables: Tables, variant: str, length: float, frame: pl.DataFrame) -> pl.DataFrame:
    train_length = _tokens(variant, tables) or 0
    return frame.filter(pl.col("length") == round(length * train_length))


BITS = pl.col("loss_sum").sum() / pl.col("n").sum() / log(2.0)
HITS = pl.col("correct").sum() / pl.col("n").sum()


def loss(
    tables: Tables, *, variant: str, length: float, stream: str, extension: str = "none"
) -> dict[int, float]:
    """Mean loss of the same last tokens in a context of some length, bits."""
    frame = _sweep(tables, variant, extension, stream, length)
    return _by_seed(_at(tables, variant, length, frame), BITS)


def accuracy(
    tables: Tables, *, variant: str, length: float, stream: str, extension: str = "none"
) -> dict[int, float]:
    """Share of the same last tokens that is predicted in a context of some length."""
    frame = _sweep(tables, variant, extension, stream, length)
    return _by_seed(_at(tables, variant, length, frame), HITS)


def exact(
    tables: Tables, *, variant: str, length: float, stream: str, extension: str = "none"
) -> dict[int, float]:
    """Share of documents whose every scored token is predicted."""
    frame = _sweep(tables, variant, extension, stream, length)
    share = pl.col("exact").sum() / pl.col("documents").sum()
    return _by_seed(_at(tables, variant, length, frame), share)


def loss_between(
    tables: Tables,
    *,
    variant: str,
    begin: float,
    end: float,
    stream: str,
    extension: str = "none",
) -> dict[int, float]:
    """Mean loss of the tokens at positions from `begin` to `end`, in the longest document, bits."""
    train_length = _tokens(variant, tables) or 0
    frame = _sweep(tables, variant, extension, stream, end, "curve").filter(
        pl.col("bin_lo") >= round(begin * train_length),
        pl.col("bin_hi") <= round(end * train_length),
    )
    return _by_seed(frame, BITS)


def loss_up_to(tables: Tables, *, end: float, **place: str) -> dict[int, float]:
    """Mean loss of all tokens up to a length, as in evaluation without overlap, bits."""
    return loss_between(tables, begin=0.0, end=end, **place)


def recall(
    tables: Tables,
    *,
    variant: str,
    length: float,
    near: float,
    far: float,
    stream: str,
    extension: str = "none",
) -> dict[int, float]:
    """Share of predicted tokens whose answer stands `near` to `far` training lengths back."""
    train_length = _tokens(variant, tables) or 0
    frame = _at(
        tables, variant, length, _sweep(tables, variant, extension, stream, length, bin_by="lag")
    ).filter(
        pl.col("bin_lo") >= near * train_length,
        pl.col("bin_hi") <= far * train_length + 1,
    )
    return _by_seed(frame, HITS)


def octaves_kept(
    tables: Tables, *, variant: str, stream: str, extension: str = "none"
) -> dict[int, float]:
    """Log2 of the longest context, in N, up to which no loss is 0.05 bits above that at N."""
    frame = _sweep(tables, variant, extension, stream, 2 * FAR)
    train_length = _tokens(variant, tables)
    kept: dict[int, float] = {}
    values = frame.group_by("seed", "length").agg(BITS.alias("value")).sort("seed", "length")
    for (seed,), part in values.filter(pl.col("length") >= train_length).group_by("seed"):
        good = part["value"] <= part["value"][0] + FINE
        reached = part.filter(good.cast(pl.Int8).cum_min() == 1)["length"]
        if len(reached):
            kept[int(str(seed))] = log2(reached[-1] / part["length"][0])
    return kept


def rows(
    tables: Tables,
    *,
    variant: str,
    metric: str,
    length: float,
    extension: str = "none",
    layer: int | None = None,
    heads: str = "mean",
) -> dict[int, float]:
    """A metric of attention rows whose length has the octave of `length`: `heads` mean or median.

    Rows of a shorter context are a prefix of those of the longest one, which are read: at 0.5 the
    rows within training, of N/2 to N - 1 keys. `layer` is counted from 0; without it the heads of
    all layers are taken.
    """
    by_head = _heads(tables, variant, metric, length, extension)
    if layer is not None:
        by_head = by_head.filter(pl.col("layer") == layer)
    return _by_seed(by_head, getattr(pl.col(metric), heads)())


def slope_over_heads(
    tables: Tables,
    *,
    variant: str,
    metric: str,
    against: str,
    length: float,
    extension: str = "none",
) -> dict[int, float]:
    """Slope of the log of one metric of attention rows against that of another, over all heads."""
    y, x = (_heads(tables, variant, name, length, extension) for name in (metric, against))
    both = x.join(y, on=["seed", "layer", "head"], maintain_order="left")
    slope = pl.cov(pl.col(against).log(), pl.col(metric).log()) / pl.col(against).log().var()
    return _by_seed(both, slope)


def _heads(
    tables: Tables, variant: str, metric: str, length: float, extension: str
) -> pl.DataFrame:
    """Give the mean of a metric over the rows of a length, for each seed, layer and head."""
    size = length * (_tokens(variant, tables) or 0)
    frame = _rows(
        tables,
        "attention",
        variant,
        pl.col("metric") == metric,
        pl.col("extension") == extension,
        pl.col("bin_lo") <= size,
        size < pl.col("bin_hi"),
        pl.col("n_rows") > 0,
        length=length,
    )
    mean = pl.col("sum").sum() / pl.col("n_rows").sum()
    return (
        frame.filter(pl.col("length") == pl.col("length").max())
        .group_by("seed", "layer", "head", maintain_order=True)
        .agg(mean.alias(metric))
    )


def growth(
    tables: Tables, *, variant: str, metric: str, extension: str = "none"
) -> dict[int, float]:
    """Growth of a metric from rows of N to rows of 8 N keys, per unit of the log of the length."""
    near, far = (
        rows(tables, variant=variant, metric=metric, length=length, extension=extension)
        for length in (1.0, 8.0)
    )
    return {seed: (far[seed] - near[seed]) / log(8.0) for seed in far if seed in near}


def rank(tables: Tables, *, variant: str, extension: str = "none") -> dict[int, float]:
    """Effective rank of the matrices of N tokens over that of uniform averaging, mean of heads."""
    own, uniform = (
        rows(tables, variant=variant, metric=metric, length=1.0, extension=extension)
        for metric in ("erank", "erank_uniform")
    )
    return {seed: value / uniform[seed] for seed, value in own.items()}


def final_loss(tables: Tables, *, variant: str) -> dict[int, float]:
    """Mean training loss of the last 5 % of the steps: nats per token, or squared error."""
    return _by_seed(_rows(tables, "runs", variant), pl.col("final_loss").first())


def circuit_step(tables: Tables, *, variant: str) -> dict[int, float]:
    """Step at which the training accuracy is half-way from chance to solved."""
    return _by_seed(_rows(tables, "runs", variant), pl.col("circuit_step").first())


def logged(
    tables: Tables, *, variant: str, of: str, begin: float = 0.95, end: float = 1.0
) -> dict[int, float]:
    """Mean of a quantity of the training table over a share of the steps."""
    frame = _rows(tables, "training", variant, pl.col("quantity") == of)
    share = pl.col("step") / pl.col("step").max().over("seed")
    return _by_seed(frame.filter(share > begin, share <= end), pl.col("value").mean())


def steps_to(tables: Tables, *, variant: str, below: float, of: str = "loss") -> dict[int, float]:
    """First logged step at which a quantity of the training table is below a threshold."""
    frame = _rows(tables, "training", variant, pl.col("quantity") == of, pl.col("value") < below)
    return _by_seed(frame, pl.col("step").min())


def psnr(
    tables: Tables, *, variant: str, split: str = "test", bypass: bool = False
) -> dict[int, float]:
    """PSNR of reconstructions, dB; with `bypass` of the latent that is not quantised."""
    frame = _rows(tables, "reconstruction", variant, pl.col("split") == split)
    error = pl.col("squared_error_bypass" if bypass else "squared_error").sum()
    return _by_seed(frame, 10 * (4 * pl.col("n_pixels").sum() / error).log10())


def nominal_bits(tables: Tables, *, variant: str, split: str = "test") -> dict[int, float]:
    """Log2 of the size of the code book over the pixels of a token, bits per pixel."""
    frame = _rows(tables, "reconstruction", variant, pl.col("split") == split)
    bits = (pl.col("bits_nominal") * pl.col("n_tokens")).sum()
    return _by_seed(frame, bits / pl.col("n_pixels").sum())


def usage(tables: Tables, *, variant: str, split: str = "test") -> dict[int, float]:
    """Share of the code book that the test tokens use."""
    frame = _codes(tables, variant, split)
    return _by_seed(frame, (pl.col("used") / pl.col("num_codes")).first())


def code_entropy(tables: Tables, *, variant: str, split: str = "test") -> dict[int, float]:
    """Entropy of the codes with the Miller-Madow correction, bits per token."""
    return _by_seed(_codes(tables, variant, split), pl.col("entropy_mm").first() / log(2.0))


def latent(
    tables: Tables, *, variant: str, of: str, per: str = "n_tokens", split: str = "test"
) -> dict[int, float]:
    """A sum over a sample of latents, per latent or over another such sum."""
    frame = _rows(tables, "latents", variant, pl.col("split") == split)
    return _by_seed(frame, pl.col(of).sum() / pl.col(per).sum())


def level(
    tables: Tables, *, variant: str, stream: str, level: str, length: float | None = None
) -> dict[int, float]:
    """Mean loss of what a run is compared with, a baseline or a lossless coder: bits."""
    frame = _rows(tables, "levels", variant, pl.col("stream") == stream, pl.col("level") == level)
    if length is not None:
        frame = _at(tables, variant, length, frame)
    return _by_seed(frame, pl.col("loss").mean() / log(2.0))


def _codes(tables: Tables, variant: str, split: str) -> pl.DataFrame:
    return _rows(tables, "codes", variant, pl.col("level") == "joint", pl.col("split") == split)
