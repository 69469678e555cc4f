"""Both protocols on the real decoder, untrained."""

import polars as pl
import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.core.components import build_model, build_task
from kexue_pipe.core.tables import TABLES
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import component


@pytest.fixture(scope="module")
def parts():
    """Build what a stage hands to the protocol, from the command line of a person."""
    chosen = ["task=repeat", "size=smoke", "extension=[none,window,truncate,logn_clip]"]
    nodes = variant(chosen).nodes
    read = ("task", "model", "position", "position_ids", "attention")
    groups = {group: component(nodes[group]) for group in read}
    task = build_task(groups)
    return {
        "model": build_model(groups, task, 0),
        "task": task,
        "extension": {n: instantiate(component(x)) for n, x in nodes["extension"].items()},
        "decode": instantiate(component(nodes["decode"])),
        "backend": instantiate(component(nodes["backend"])),
        "metric": {n: instantiate(component(x)) for n, x in nodes["metric"].items()},
        "settings": component(nodes["task"]["evaluate"]) | {"documents": 2},
        "protocol": instantiate(component(nodes["model"]["evaluate"])),
    }


def run(parts, knobs=None, **settings):
    parts = dict(parts) | (knobs or {})
    protocol = parts.pop("protocol")
    return protocol(**parts | {"settings": parts["settings"] | settings})


@pytest.fixture(scope="module")
def tables(parts):
    return run(parts)


def test_tables_lack_only_variant_and_seed(tables):
    for kind, frame in tables.items():
        expected = TABLES[kind].schema
        absent = {"variant": pl.String, "seed": pl.Int64}
        assert dict(frame.schema) | absent == dict(expected) | absent
        key = [column for column in TABLES[kind].key if column in frame.columns]
        if kind == "levels":  # symbols that repeat have nothing beyond chance to compare with
            continue
        assert frame.height and frame.height == frame.unique(key).height
        assert sum(frame.null_count().row(0)) == 0
        floats = frame.select(pl.selectors.float()).to_numpy()
        assert (floats == floats).all()


def test_every_extension_is_swept_and_every_metric_measured(tables, parts):
    assert set(tables["extrapolation"]["extension"]) == set(parts["extension"])
    attention = tables["attention"].filter(pl.col("extension") == "none")
    ranks = {name + end for name in ("erank", "srank") for end in ("", "_uniform")}
    assert set(attention["metric"]) == set(parts["metric"]) | ranks
    assert set(attention["layer"]) == {0, 1} and set(attention["head"]) == set(range(4))


def test_softmax_rows_obey_the_identities_of_the_metrics(tables):
    wide = tables["attention"].pivot(
        "metric", index=["extension", "layer", "head", "bin_lo"], values="sum"
    )
    assert (wide["pr"] <= wide["n_eff"] * (1 + 1e-9)).all()
    assert wide["null_mass"].max() < 1e-4
    counts = tables["attention"].group_by("extension", "layer", "head", "bin_lo")
    assert counts.agg(pl.col("n_rows").n_unique())["n_rows"].max() == 1


def test_the_model_and_its_gradients_are_left_alone(parts):
    before = {name: value.clone() for name, value in parts["model"].state_dict().items()}
    run(parts, lengths=[16])
    for name, value in parts["model"].state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in parts["model"].parameters())


@pytest.mark.parametrize("lengths", [[1], [8], [64], [8, 40]])
def test_any_lengths_work(parts, lengths):
    frame = run(parts, lengths=lengths)["extrapolation"]
    frame = frame.filter(pl.col("protocol") == "fixed", pl.col("bin_by") == "position")
    assert sorted(frame["length"].unique()) == lengths
    assert frame.group_by("extension", "stream").agg(pl.col("n").n_unique())["n"].max() == 1


def test_the_same_bits_come_out_twice(parts, tables):
    again = run(parts)
    assert all(again[kind].equals(frame) for kind, frame in tables.items())


def test_clipped_log_n_goes_on_top_of_any_extension(parts):
    sweep = run(parts, {"clipped": ["none", "window"]})["extrapolation"]
    by = ["stream", "length", "bin_by", "bin_lo", "protocol"]

    def losses(extension):
        rows = sweep.filter(pl.col("extension") == extension, pl.col("protocol") == "fixed")
        return rows.sort(by)["loss_sum"]

    assert losses("none+logn_clip").equals(losses("logn_clip"))
    assert not losses("none+logn_clip").equals(losses("none"))
    # N keys at most: the factor is 1
    assert losses("window+logn_clip").to_list() == pytest.approx(losses("window").to_list())


def test_clipped_needs_both_extensions(parts):
    extensions = {name: parts["extension"][name] for name in ("none", "window")}
    with pytest.raises(ValueError, match="clipped=none needs the extensions none and logn_clip"):
        run(parts, {"clipped": ["none"], "extension": extensions})
