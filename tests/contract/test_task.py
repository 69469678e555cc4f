"""Every task: it composes with its model, and its samples are functions of their index alone."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from kexue_pipe.core.components import Parent, build_model, build_task
from kexue_pipe.core.contracts import IGNORED, Task
from kexue_pipe.graph.plans import component

NAMES = sorted(path.stem for path in Path(__file__).parents[2].glob("conf/task/*.yaml"))


@pytest.fixture(params=NAMES)
def node(request, compose_nodes):
    return compose_nodes([f"task={request.param}"])["task"]


def untrained(overrides, compose_nodes):
    """Build a model with its first parameters, as a parent to start from."""
    nodes = {k: component(v) for k, v in compose_nodes(overrides).items()}
    read = {group: nodes[group] for group in ("task", "model", "quantizer")}
    task = build_task(read)
    return Parent(task, build_model(read, task, 0).eval(), "finished")


@pytest.fixture
def task(node, compose_nodes):
    parent = None
    if "_parent_" in node:
        own = [f"{k}={v}" for k, v in node["_parent_"].items() if v is not None]
        shared = [f"{group}=fsq" for group in node["_uses_"]]
        parent = untrained([*own, *shared, "size=smoke"], compose_nodes)
    return build_task({"task": component(node)}, parent)


@pytest.fixture
def sequences(node, task):
    if not hasattr(task, "vocabulary_size"):
        pytest.skip("a task of pictures has no tokens")
    return task


def streams(node):
    """List all streams that a task can be asked for."""
    return node["evaluate"]["_allowed_"]["streams"]


@pytest.mark.parametrize("name", NAMES)
def test_task_chooses_a_model_that_gives_what_it_needs(name, compose_nodes):
    nodes = compose_nodes([f"task={name}"])
    parts = [nodes[group] for group in ("model", *nodes["task"].get("_uses_", []))]
    assert set(nodes["task"]["_needs_"]) <= {fact for part in parts for fact in part["_gives_"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_on_the_command_line_wins_over_the_task(name, compose_nodes):
    nodes = compose_nodes([f"task={name}", "optimizer=adamw"])
    assert nodes["optimizer"] == compose_nodes(["optimizer=adamw"])["optimizer"]


def test_task_has_the_attributes_of_the_contract(node, task):
    assert isinstance(task, Task)
    assert task.train_length == node["train_length"]
    assert task.data_hash == "" or len(task.data_hash) == 64


def test_sample_does_not_depend_on_the_batch(task):
    whole = task.batch("train", 1, 0, 6)
    halves = [task.batch("train", 1, i, 3) for i in range(2)]
    for first, second, expected in zip(*halves, whole, strict=True):
        if expected is None:
            assert first is None and second is None
        else:
            assert torch.equal(torch.cat([first, second]), expected)


def test_seed_split_and_index_change_the_samples(task):
    one = task.batch("train", 0, 0, 4).inputs
    for other in (("train", 1, 0), ("validation", 0, 0), ("train", 0, 1)):
        assert not torch.equal(task.batch(*other, 4).inputs, one)


def test_tokens_and_labels_are_in_the_vocabulary(node, sequences):
    n = sequences.train_length
    batches = {n: [sequences.batch("train", 0, 0, 5)]}
    for length in (n // 2, n, n + 1, 4 * n):
        documents = [sequences.documents(stream, 0, 5, length) for stream in streams(node)]
        batches[length] = batches.get(length, []) + documents
    for length, (tokens, labels) in [(t, x[:2]) for t, group in batches.items() for x in group]:
        assert tokens.dtype == labels.dtype == torch.int64
        assert tokens.shape == labels.shape == (5, length)
        assert 0 <= tokens.min() and tokens.max() < sequences.vocabulary_size
        assert (labels[labels != IGNORED] >= 0).all()
        assert labels.max() < sequences.vocabulary_size


def test_lags_lead_from_scored_labels_into_the_document(node, sequences):
    n = sequences.train_length
    batches = [sequences.batch("train", 0, 0, 5)]
    batches += [sequences.documents(s, 0, 5, t) for s in streams(node) for t in (n, 4 * n)]
    for batch in (batch for batch in batches if batch.lags is not None):
        assert batch.lags.dtype == torch.int64
        assert torch.equal(batch.lags >= 0, batch.targets != IGNORED)
        assert (batch.lags <= torch.arange(batch.lags.shape[1])).all()


def test_optimum_and_levels_are_known_for_every_stream(node, sequences):
    n = sequences.train_length
    assert isinstance(sequences.fixed_targets, bool)
    assert set(sequences.optimum) == set(streams(node))
    for stream, optimum in sequences.optimum.items():
        assert optimum is None or optimum >= 0
        documents = sequences.documents(stream, 0, 5, 4 * n)
        levels = sequences.levels(documents, n // 2)
        for nats, accuracy in levels.values():
            assert math.isfinite(nats) and nats >= 0 and 0 <= accuracy <= 1
        if optimum == 0:
            assert levels.get("ceiling", (0.0, 1.0)) == (0.0, 1.0)


def test_test_documents_do_not_change(node, sequences):
    length = 2 * sequences.train_length
    for stream in streams(node):
        some = sequences.documents(stream, 0, 5, length).inputs
        assert torch.equal(sequences.documents(stream, 2, 3, length).inputs, some[2:])


def test_no_test_document_repeats_or_is_seen_in_training(node, sequences):
    n = sequences.train_length
    train = {tuple(row) for row in sequences.batch("train", 0, 0, 200).inputs.tolist()}
    for stream in streams(node):
        test = {tuple(row) for row in sequences.documents(stream, 0, 200, n).inputs.tolist()}
        assert len(test) == 200 and not train & test


def test_fixed_targets_end_alike_at_every_length(node, sequences):
    n = sequences.train_length
    for stream in streams(node) if sequences.fixed_targets else []:
        long = sequences.documents(stream, 0, 5, 16 * n)
        for length in (n // 2, n, 3 * n):
            short = sequences.documents(stream, 0, 5, length)
            assert torch.equal(short.inputs, long.inputs[:, -length:])
        assert (long.targets[:, -n // 2 :] != IGNORED).all()


def test_every_document_that_is_drawn_for_its_length_is_scored(node, sequences):
    n = sequences.train_length
    for stream in [] if sequences.fixed_targets else streams(node):
        for length in (n // 2, n, 4 * n):
            labels = sequences.documents(stream, 0, 20, length).targets
            assert (labels != IGNORED).any(1).all()


def test_chance_is_a_guess_among_all_that_can_be_asked(sequences):
    rng = np.random.default_rng(0)
    labels = sequences.batch("train", 0, 0, 400).targets
    labels = labels[labels != IGNORED].numpy()
    answers, options = np.unique(labels), round(1 / sequences.chance)
    assert sequences.chance == pytest.approx(1 / options)
    assert len(answers) <= options <= sequences.vocabulary_size
    guesses = rng.integers(options, size=labels.size)  # ranks of answers
    hits = guesses == np.searchsorted(answers, labels)
    sigma = (sequences.chance * (1 - sequences.chance) / labels.size) ** 0.5
    assert abs(hits.mean() - sequences.chance) < 3 * sigma
