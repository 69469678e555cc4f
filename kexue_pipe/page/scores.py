"""What each variant reaches: the score that stands beside its costs."""

import polars as pl

from kexue_pipe.core import statistics


def scores(tables: dict[str, pl.DataFrame]) -> dict[str, tuple[str, float, float | None]]:
    """Give unit, mean at N and mean at the longest context of each variant, on one stream."""
    swept = statistics.measured(tables, "fixed", ["length"]).filter(extension="none")
    first = statistics.within_reach(swept).group_by("task", maintain_order=True)
    swept = swept.join(first.agg(pl.col("stream").first()), on=["task", "stream"], how="semi")
    by = ["variant", "unit", "train_length", "length"]
    means = statistics.over_seeds(swept.sort(by), by).filter(pl.col("seed").is_null())
    near, longest = pl.col("length") == pl.col("train_length"), pl.col("length").max()
    found = means.group_by("variant", maintain_order=True).agg(
        pl.col("unit").first(),
        near=pl.col("mean").filter(near).first(),
        far=pl.col("mean").filter(pl.col("length") == longest, ~near).first(),
    )
    images = statistics.psnr(tables).filter(split="test")
    images = statistics.over_seeds(images, ["variant"]).filter(pl.col("seed").is_null())
    tokens = {name: (unit, near, far) for name, unit, near, far in found.iter_rows()}
    sharp = images.select("variant", "mean").iter_rows()
    return tokens | {name: ("dB", mean, None) for name, mean in sharp}
