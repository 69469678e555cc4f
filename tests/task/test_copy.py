"""Copying: the answers are the content again, at a constant lag."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.core.samples import BOS, CONTENT, EOS, PAD, SEP
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant
from kexue_pipe.task.copy import Copy

A = 9
TASK = Copy(train_length=64, num_symbols=A, distinct=False)


def draw(index, length, stream, task=TASK):
    return task.sample(sample_rng("copy", stream, 0, index), length, stream, stream)


@settings(max_examples=60, deadline=None)
@given(
    index=st.integers(0, 10**6),
    length=st.integers(4, 500),
    stream=st.sampled_from(["train", "copy"]),
)
def test_a_solver_that_reads_the_past_gives_every_label(index, length, stream):
    tokens, labels, lags, _ = draw(index, length, stream)
    m = tokens.tolist().index(SEP) - 1
    scored = np.flatnonzero(labels != IGNORED)
    assert scored.tolist() == list(range(m + 1, 2 * m + 2))
    for i, t in enumerate(scored):
        past = tokens[: t + 1]
        answer = past[1 + i] if i < m else EOS
        assert labels[t] == answer and lags[t] == t - (1 + i) == m
        assert past[t - lags[t]] == (answer if i < m else SEP)
    assert tokens[0] == BOS and (labels[scored[:-1]] == tokens[scored[1:]]).all()
    assert tokens[2 * m + 2 :].tolist() == [EOS, *[PAD] * length][: length - 2 * m - 2]
    assert (lags[labels == IGNORED] == -1).all()


@pytest.mark.parametrize("length", [4, 32, 33, 64, 512])
def test_test_documents_are_filled(length):
    documents = TASK.documents("copy", 0, 20, length)
    assert ((documents.targets != IGNORED).sum(1) == length // 2).all()
    assert ((documents.inputs == EOS).sum(1) == length % 2).all()


def test_training_contents_have_every_size_alike():
    sizes = (TASK.batch("train", 0, 0, 3100).targets != IGNORED).sum(1).numpy() - 1
    counts = np.bincount(sizes, minlength=32)[1:]
    assert len(counts) == 31
    assert ((counts - 100) ** 2 / 100).sum() < 59.7  # 0.1 % point, 30 degrees of freedom


def test_symbols_are_uniform_and_distinct_if_asked():
    tokens = TASK.documents("copy", 0, 300, 64).inputs[:, 1:32].numpy()
    counts = np.bincount(tokens.ravel() - CONTENT, minlength=A)
    expected = tokens.size / A
    assert ((counts - expected) ** 2 / expected).sum() < 26.1  # 0.1 % point, 8 degrees of freedom
    task = Copy(train_length=64, num_symbols=31, distinct=True)
    contents = task.documents("copy", 0, 20, 64).inputs[:, 1:32].tolist()
    assert all(sorted(content) == list(range(CONTENT, CONTENT + 31)) for content in contents)
    assert task.vocabulary_size == CONTENT + 31 and task.chance == 1 / 32


def test_distinct_content_needs_enough_symbols_at_the_longest_length():
    with pytest.raises(Refused, match="as many symbols"):
        variant(["task=copy", "task.distinct=true"])
    variant(["task=copy", "task.distinct=true", "task.num_symbols=511"])


def test_documents_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="3 tokens .* ask for 4"):
        draw(0, 3, "copy")
