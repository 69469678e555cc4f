"""Every task: it composes with its model, and its samples are functions of their index alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.core.contracts import IGNORED, Task

NAMES = sorted(path.stem for path in Path(__file__).parents[2].glob("conf/task/*.yaml"))


@pytest.fixture(params=NAMES)
def node(request, compose_nodes):
    return compose_nodes([f"task={request.param}"])["task"]


@pytest.fixture
def task(node):
    arguments = {k: v for k, v in node.items() if not k.startswith("_")}
    arguments = {k: v for k, v in arguments.items() if k not in ("train", "evaluate")}
    return instantiate({"_target_": node["_target_"], **arguments})


@pytest.fixture
def sequences(node, task):
    if not hasattr(task, "vocabulary_size"):
        pytest.skip("a task of pictures has no tokens")
    return task


@pytest.mark.parametrize("name", NAMES)
def test_task_chooses_a_model_that_gives_what_it_needs(name, compose_nodes):
    nodes = compose_nodes([f"task={name}"])
    assert set(nodes["task"]["_needs_"]) <= set(nodes["model"]["_gives_"])


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
    for parts, expected in zip(zip(*halves, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(parts), expected)


def test_seed_split_and_index_change_the_samples(task):
    one = task.batch("train", 0, 0, 4).inputs
    for other in (("train", 1, 0), ("validation", 0, 0), ("train", 0, 1)):
        assert not torch.equal(task.batch(*other, 4).inputs, one)


def test_tokens_and_labels_are_in_the_vocabulary(node, sequences):
    batches = [sequences.batch("train", 0, 0, 5)]
    lengths = (sequences.train_length, 4 * sequences.train_length)
    for stream in node["evaluate"]["streams"]:
        batches += [sequences.documents(stream, 0, 5, length) for length in lengths]
    for tokens, labels in batches:
        assert tokens.dtype == labels.dtype == torch.int64
        assert tokens.shape == labels.shape
        assert 0 <= tokens.min() and tokens.max() < sequences.vocabulary_size
        assert (labels[labels != IGNORED] >= 0).all()
        assert labels.max() < sequences.vocabulary_size


def test_test_documents_do_not_change(node, sequences):
    length = 2 * sequences.train_length
    for stream in node["evaluate"]["streams"]:
        some = sequences.documents(stream, 0, 5, length).inputs
        assert torch.equal(sequences.documents(stream, 2, 3, length).inputs, some[2:])


def test_document_ends_alike_at_every_length(node, sequences):
    n = sequences.train_length
    for stream in node["evaluate"]["streams"]:
        long = sequences.documents(stream, 0, 5, 16 * n)
        for length in (n, 3 * n):
            short = sequences.documents(stream, 0, 5, length)
            assert torch.equal(short.inputs, long.inputs[:, -length:])


def test_every_stream_scores_the_last_half_window_of_the_longest_document(node, sequences):
    n = sequences.train_length
    for stream in node["evaluate"]["streams"]:
        labels = sequences.documents(stream, 0, 5, 16 * n).targets
        assert (labels[:, -n // 2 :] != IGNORED).all()


def test_uniform_guess_scores_chance(sequences):
    rng = np.random.default_rng(0)
    labels = sequences.batch("train", 0, 0, 400).targets
    labels = labels[labels != IGNORED].numpy()
    hits = rng.integers(sequences.vocabulary_size, size=labels.size) == labels
    sigma = (sequences.chance * (1 - sequences.chance) / labels.size) ** 0.5
    assert abs(hits.mean() - sequences.chance) < 3 * sigma
