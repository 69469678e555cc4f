"""The passkey: one needle at a uniform depth, five determined digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.task.passkey import DIGITS, FILLER, KEY, QUERY, Passkey

TASK = Passkey(train_length=64, num_fillers=20)


def draw(index, length):
    return TASK.sample(sample_rng("passkey", "test", 0, index), length, "test", "needle")


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 10**6), length=st.integers(11, 600))
def test_a_solver_that_reads_the_past_gives_every_label(index, length):
    tokens, labels, lags, _ = draw(index, length)
    scored = np.flatnonzero(labels != IGNORED)
    assert scored.tolist() == list(range(length - 5, length))
    for t in scored:
        past = tokens[: t + 1].tolist()
        answer = past.index(KEY) + 1 + t - past.index(QUERY)
        assert labels[t] == past[answer] and lags[t] == t - answer
        assert answer < past.index(QUERY)
        assert DIGITS <= labels[t] < DIGITS + 10
    assert (labels[scored[:-1]] == tokens[scored[1:]]).all()
    assert (lags[: length - 5] == -1).all()


def test_there_is_one_needle_and_one_query_among_fillers():
    tokens = TASK.documents("needle", 0, 300, 64).inputs.numpy()
    assert ((tokens == KEY).sum(1) == 1).all() and ((tokens == QUERY).sum(1) == 1).all()
    assert ((tokens < KEY).sum(1) == 9).all()  # five of the needle, four after the query
    assert tokens.max() == FILLER + 19 and len(np.unique(tokens[tokens >= FILLER])) == 20


def test_lags_are_uniform_from_the_nearest_to_the_farthest_place():
    length, count = 21, 4400
    lags = np.array([draw(i, length).lags[-1] for i in range(count)])
    counts = np.bincount(lags)[5:]
    assert len(counts) == length - 6 - 5 + 1
    expected = count / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 29.6  # 0.1 % point, 10 degrees of freedom


def test_digits_are_uniform():
    labels = TASK.batch("train", 0, 0, 1000).targets
    counts = np.bincount(labels[labels != IGNORED], minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # 0.1 % point, 9 degrees of freedom


def test_documents_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="10 tokens .* ask for 11"):
        draw(0, 10)
