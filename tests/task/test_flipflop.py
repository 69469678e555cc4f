"""Flip-flop: each read is the latest write, and streams differ in how much is ignored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.task.flipflop import IGNORE, READ, WRITE, Flipflop

TASK = Flipflop(train_length=64, ignore=0.8, sparse=0.98, dense=0.1)
STREAMS = {"seen": 0.8, "sparse": 0.98, "dense": 0.1}


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 10**6), length=st.integers(3, 600), stream=st.sampled_from([*STREAMS]))
def test_a_solver_that_reads_the_past_gives_every_label(index, length, stream):
    rng = sample_rng("flipflop", "test", 0, index)
    tokens, labels, lags, _ = TASK.sample(rng, length, "test", stream)
    memory = place = None
    for t in range(0, length, 2):
        if tokens[t] == READ:
            assert labels[t] == memory and lags[t] == t - place
        else:
            assert labels[t] == IGNORED and lags[t] == -1
        if tokens[t] == WRITE:
            memory, place = tokens[t + 1], t + 1
    assert tokens[0] == WRITE and tokens[(length - 1) // 2 * 2] == READ
    assert (labels[1::2] == IGNORED).all() and (lags[1::2] == -1).all()
    read = np.flatnonzero(labels[:-1] != IGNORED)
    assert (labels[read] == tokens[read + 1]).all()
    assert (tokens[1::2] < 2).all() and (tokens[::2] >= 2).all()


@pytest.mark.parametrize(("stream", "p"), STREAMS.items())
def test_instructions_have_the_shares_of_the_stream(stream, p):
    tokens = TASK.documents(stream, 0, 100, 1024).inputs.numpy()
    inner = tokens[:, 2:-2:2]
    for instruction, share in ((IGNORE, p), (WRITE, (1 - p) / 2), (READ, (1 - p) / 2)):
        sigma = (share * (1 - share) / inner.size) ** 0.5
        assert abs((inner == instruction).mean() - share) < 3.3 * sigma


def test_bits_that_are_not_read_are_uniform():
    tokens = TASK.documents("seen", 0, 200, 512).inputs.numpy()
    bits = tokens[:, 1::2][tokens[:, ::2] != READ]
    assert abs(bits.mean() - 0.5) < 3 * 0.5 / bits.size**0.5


@pytest.mark.parametrize(("stream", "median"), [("seen", 13), ("sparse", 105), ("dense", 3)])
def test_lags_are_those_of_the_paper(stream, median):
    lags = TASK.documents(stream, 0, 200, 512).lags.numpy()
    assert np.median(lags[lags >= 0]) == pytest.approx(median, rel=0.15)


def test_reading_the_latest_bit_whatever_its_instruction_does_not_solve_the_task():
    batch = TASK.batch("train", 0, 0, 1000)
    tokens, labels = batch.inputs.numpy(), batch.targets.numpy()
    rows, places = np.nonzero(labels != IGNORED)
    hits = tokens[rows, places - 1] == labels[rows, places]
    assert hits.mean() == pytest.approx(0.6, abs=0.02) and TASK.solved_at > 0.9


def test_documents_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="2 tokens .* ask for 3"):
        TASK.documents("seen", 0, 1, 2)
