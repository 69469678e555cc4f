"""The repeat task: answers are determined, periods inside and beyond the training length."""

import numpy as np
import pytest

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.task.repeat import Repeat

N, A = 40, 7
TASK = Repeat(train_length=N, num_symbols=A)


def period_of(tokens):
    """Find the smallest period of a document by trying all."""
    return next(p for p in range(1, len(tokens)) if (tokens[p:] == tokens[:-p]).all())


def draw(i, length, split="test", stream="repeat", task=TASK):
    return task.sample(sample_rng("repeat", split, 0, i), length, split, stream)


@pytest.mark.parametrize("stream", ["repeat", "far"])
def test_scored_labels_follow_from_the_tokens_before_them(stream):
    for i in range(50):
        tokens, labels, lags, _ = draw(i, 8 * N, stream=stream)
        period = period_of(tokens)
        for t in np.flatnonzero(labels != IGNORED):
            assert labels[t] == tokens[t + 1 - period] == tokens[t - lags[t]]


@pytest.mark.parametrize("stream", ["repeat", "far"])
def test_exactly_the_first_period_is_not_scored(stream):
    for i in range(50):
        tokens, labels, _, _ = draw(i, 8 * N, stream=stream)
        scored = np.flatnonzero(labels != IGNORED)
        assert scored.tolist() == list(range(period_of(tokens) - 1, 8 * N))


def test_training_periods_are_inside_and_far_periods_beyond_the_training_length():
    def periods(stream):
        return {period_of(draw(i, 8 * N, stream=stream)[0]) for i in range(2000)}

    assert periods("repeat") == set(range(N // 4, N // 2 + 1))
    assert periods("far") == set(range(3 * N // 2, 3 * N + 1)) - {2 * N, 3 * N}


def test_symbols_are_uniform():
    tokens = np.concatenate([draw(i, 10, "train")[0] for i in range(3000)])
    counts = np.bincount(tokens, minlength=A)
    chi_square = ((counts - len(tokens) / A) ** 2 / (len(tokens) / A)).sum()
    assert chi_square < 22.5  # the 0.1 % point for 6 degrees of freedom


def test_train_and_test_share_no_document():
    train = {tuple(row) for row in TASK.batch("train", 0, 0, 300).inputs.tolist()}
    test = {tuple(row) for row in TASK.documents("repeat", 0, 300, N).inputs.tolist()}
    assert not train & test and len(train) == len(test) == 300


def test_number_of_symbols_is_the_vocabulary():
    more = Repeat(train_length=N, num_symbols=50)
    assert (more.vocabulary_size, more.chance) == (50, 1 / 50)
    assert more.batch("train", 0, 0, 20).inputs.max() > A
