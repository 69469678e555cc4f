"""Which variants share a training: those that differ in what only evaluation reads."""

import polars as pl

from kexue_pipe.core.spelling import join_name, split_name


def by_checkpoint(tables: dict[str, pl.DataFrame], kind: str) -> pl.DataFrame:
    """Give a table in which variants that only set extensions are extensions of their twin.

    `X,extension.ntk.k=8` and `X` are one checkpoint: what the first has under `ntk` is read as `X`
    under `ntk(k=8)`, and the rest, which `X` has too, is left out. New variants keep their name,
    and knobs that only permit something (`allow_`) are not told.
    """
    names = tables["variants"]["variant"].to_list()
    old = tables["variants"].filter(~pl.col("new"))["variant"].to_list()
    twins, rows = [], []
    for variant in old:
        parts = split_name(variant)
        knobs = [p.split(".", 2)[1:] for p in parts if p.startswith("extension.")]
        twin = join_name([p for p in parts if not p.startswith("extension.")])
        if not knobs or twin not in names:
            continue
        twins.append(variant)
        for extension in dict.fromkeys(name for name, _ in knobs):
            own = [k for name, k in knobs if name == extension and not k.startswith("allow_")]
            rows.append((variant, extension, twin, f"{extension}({','.join(own)})"))
    schema = dict.fromkeys(("variant", "extension", "twin", "told"), pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return (
        tables[kind]
        .join(frame, on=["variant", "extension"], how="left", maintain_order="left")
        .filter(pl.col("twin").is_not_null() | ~pl.col("variant").is_in(twins))
        .with_columns(
            pl.coalesce("twin", "variant").alias("variant"),
            pl.coalesce("told", "extension").alias("extension"),
        )
        .drop("twin", "told")
    )


def trained(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Give the variants without those that repeat the training of another one."""
    variants = tables["variants"].sort("new", "order", "variant")
    return variants.unique("train_digest", keep="first", maintain_order=True)
