"""Facts about dead rows and restarts."""

import polars as pl
import pytest

from kexue_pipe.chart import dead_codes
from kexue_pipe.core import theme


def test_both_quantities_at_their_steps(tables, knobs_of):
    frame = dead_codes.data(tables, **knobs_of("dead_codes"))
    assert set(frame["label"]) == {"quantizer=vq"}  # fsq has no rows that could die
    dead = dict(frame.filter(measure="dead").select("step", "mean").rows())
    assert dead[20] == 1.0 and dead[400] == pytest.approx(0.05)
    restarts = dict(frame.filter(measure="restarts").select("step", "mean").rows())
    assert restarts[360] == 8.0 and restarts[380] == 0.0


def test_fewer_points_keep_the_last_step(tables):
    frame = dead_codes.data(tables, points=5, keep=4).filter(measure="dead")
    assert frame["step"].to_list() == [80, 160, 240, 320, 400]


def test_what_never_restarts_has_no_restarts(tables, knobs_of):
    never = pl.when(pl.col("quantity") == "restarts").then(0.0).otherwise("value")
    training = tables["training"].with_columns(value=never)
    frame = dead_codes.data(tables | {"training": training}, **knobs_of("dead_codes"))
    assert set(frame["measure"]) == {"dead"}


def test_a_book_that_dies_is_emphasised_beside_many_that_do_not(tables, knobs_of):
    names = [f"task=patches,quantizer.K={k},quantizer=vq" for k in range(2, 12)]
    parts = tables["training"].filter(variant="task=patches,quantizer=vq")
    few = 0.001 * pl.col("value")
    alive = [parts.with_columns(variant=pl.lit(name), value=few) for name in names]
    variants = tables["variants"].filter(variant="task=patches,quantizer=vq")
    named = [variants.with_columns(variant=pl.lit(n), train_digest=pl.lit(n)) for n in names]
    more = {
        "variants": theme.identify(pl.concat([tables["variants"], *named])),
        "training": pl.concat([tables["training"], *alive]),
    }
    frame = dead_codes.data(tables | more, points=60, keep=1).filter(measure="dead")
    assert frame["label"].n_unique() == 11
    assert set(frame.filter(suffix="quantizer=vq")["emphasis"]) == {True}
    assert not frame.filter(pl.col("suffix") != "quantizer=vq")["emphasis"].any()


def test_an_interval_needs_three_seeds(tables, knobs_of):
    training = tables["training"].filter(pl.col("seed") < 2)
    frame = dead_codes.data(tables | {"training": training}, **knobs_of("dead_codes"))
    assert frame["low"].null_count() == frame.height and set(frame["k"]) == {2}


def test_lengths_are_those_of_what_has_a_table_and_share_an_axis(tables, knobs_of):
    training = tables["training"]
    dead = training.filter(quantity="dead")
    fsq = dead.with_columns(variant=pl.lit("task=patches,quantizer=fsq"))
    norms = [
        part.with_columns(quantity=pl.lit(name), value=pl.lit(value))
        for part in (dead, fsq)
        for name, value in (("latent_norm", 3.0), ("code_norm", 0.5))
    ]
    frame = dead_codes.data(
        tables | {"training": pl.concat([training, *norms])}, **knobs_of("dead_codes")
    )
    assert frame["measure"].unique(maintain_order=True).to_list() == [*dead_codes.TITLES]
    assert set(frame["label"]) == {"quantizer=vq"}
    lengths = frame.filter(pl.col("measure").str.ends_with("norm"))
    assert set(lengths.select("measure", "mean").rows()) == {
        ("latent norm", 3.0),
        ("code norm", 0.5),
    }
    panels = dead_codes.draw(frame).to_dict()["concat"]
    domains = [panel["layer"][0]["encoding"]["y"]["scale"]["domain"] for panel in panels]
    assert domains[2] == domains[3] == [0.0, 3.0]
