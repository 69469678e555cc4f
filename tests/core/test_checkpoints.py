"""Facts about variants that share a training."""

import polars as pl
import pytest

from kexue_pipe.core import checkpoints


def _runs(names: list[str], new: list[str]) -> dict[str, pl.DataFrame]:
    rows = [
        {"variant": name, "seed": 0, "extension": extension}
        for name in names
        for extension in ("none", "ntk", "pi")
    ]
    variants = pl.DataFrame({"variant": names}).with_columns(new=pl.col("variant").is_in(new))
    return {"variants": variants, "extrapolation": pl.DataFrame(rows)}


def test_a_variant_that_only_sets_an_extension_is_read_as_one_of_its_checkpoint():
    names = ["task=t", "task=t,extension.ntk.allow_more=true,extension.ntk.k=8.0"]
    frame = checkpoints.by_checkpoint(_runs(names, []), "extrapolation")
    assert set(frame["variant"]) == {"task=t"}
    assert sorted(frame["extension"]) == ["none", "ntk", "ntk(k=8.0)", "pi"]


@pytest.mark.parametrize("new", [True, False])
def test_new_variants_and_those_without_a_twin_keep_their_name(new):
    name = "task=t,extension.ntk.k=8.0"
    tables = _runs(["task=t", name] if new else [name], [name] if new else [])
    frame = checkpoints.by_checkpoint(tables, "extrapolation")
    assert frame.filter(variant=name)["extension"].to_list() == ["none", "ntk", "pi"]


def test_a_training_counts_once_and_has_the_name_of_the_default():
    frame = pl.DataFrame(
        {
            "variant": ["task=t", "task=t,extension.ntk.k=8.0", "task=t,position=alibi"],
            "train_digest": ["a", "a", "b"], "new": [False, True, False], "order": [1, 0, 2],
        }
    )  # fmt: skip
    names = checkpoints.trained({"variants": frame})["variant"].to_list()
    assert names == ["task=t", "task=t,position=alibi"]
