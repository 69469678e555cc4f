"""Facts about the comparison of extensions."""

from math import log

import polars as pl

from kexue_pipe.chart import extension_sweep


def test_only_checkpoints_with_a_real_extension_have_a_panel(tables, knobs_of):
    frame = extension_sweep.data(tables, **knobs_of("extension_sweep"))
    lines = frame.filter(pl.col("level").is_null())
    panels = set(lines.select("task", "label").unique().rows())
    assert panels == {("text", "rope · softmax"), ("recall", "rope · softmax")}
    assert set(lines.filter(task="text")["extension"]) == {"none", "window", "yarn"}


def test_a_variant_that_only_sets_an_extension_is_another_extension_of_its_checkpoint(
    tables, knobs_of
):
    frame = extension_sweep.data(tables, **knobs_of("extension_sweep"))
    names = set(frame.filter(task="recall")["extension"].drop_nulls())
    assert names == {"none", "window", "rerope", "leaky_rerope(k=4.0)"}


def test_controls_of_every_panel(tables, knobs_of):
    frame = extension_sweep.data(tables, **knobs_of("extension_sweep"))
    text = frame.filter(task="text")
    lines = text.filter(pl.col("level").is_null())
    assert set(lines["in_range"].round(6)) == {2.4} and set(lines["guess"]) == {4.0}
    levels = text.filter(level="unigram")
    assert levels.height == 5 and set(levels["mean"].round(6)) == {round(2 / log(2), 6)}
    assert set(frame.filter(level="ceiling").select("task", "mean").rows()) == {("recall", 1.0)}


def test_the_unextended_model_comes_first(tables, knobs_of):
    frame = extension_sweep.data(tables, **knobs_of("extension_sweep"))
    assert frame.filter(order=0)["extension"].unique().to_list() == ["none"]


def test_only_the_default_new_variants_and_the_best_have_a_panel(tables, knobs_of):
    yarn = tables["extrapolation"].filter(pl.col("extension") == "yarn")
    others = [
        yarn.with_columns(pl.lit(f"task=text,position={name}").alias("variant"), scaled * factor)
        for scaled in [pl.col("loss_sum")]
        for name, factor in (("alibi", 0.9), ("none", 1.1))
    ]
    more = tables | {"extrapolation": pl.concat([tables["extrapolation"], *others])}
    labels = [
        set(extension_sweep.data(more, **knobs).filter(task="text")["label"].drop_nulls())
        for knobs in (knobs_of("extension_sweep") | {"variants": n} for n in (0, 1, 3))
    ]
    assert labels[0] == {"rope · softmax"}
    assert labels[1] == labels[0] | {"position=alibi"}
    assert labels[2] == labels[1] | {"position=none"}
