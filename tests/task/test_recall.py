"""Associative recall: every answer is in the document, and nothing but the queries asks."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant
from kexue_pipe.task.recall import Recall

KEYS, VALUES, FILLERS = 20, 40, 30


def build(num_pairs=8, rebind=False, alpha=0.01):
    return Recall(
        train_length=64,
        num_pairs=num_pairs,
        num_keys=KEYS,
        num_values=VALUES,
        num_fillers=FILLERS,
        alpha=alpha,
        rebind=rebind,
    )


def solve(tokens):
    """Say at each key that a filler follows what value last followed it, and where."""
    answers = {}
    for t, key in enumerate(tokens):
        if key < KEYS and not (t + 1 < len(tokens) and KEYS <= tokens[t + 1] < KEYS + VALUES):
            s = max(s for s in range(t) if tokens[s] == key)
            answers[t] = (tokens[s + 1], t - s - 1)
    return answers


@settings(max_examples=60, deadline=None)
@given(
    index=st.integers(0, 10**6),
    pairs=st.integers(1, 12),
    rebind=st.booleans(),
    spare=st.integers(0, 300),
)
def test_a_solver_that_reads_the_past_gives_every_label(index, pairs, rebind, spare):
    length = (6 if rebind else 4) * pairs + spare
    task = build(pairs, rebind)
    rng = sample_rng("recall", "test", 0, index)
    tokens, labels, lags, _ = task.sample(rng, length, "test", "recall")
    scored = np.flatnonzero(labels != IGNORED)
    found = {t: (labels[t], lags[t]) for t in scored}
    assert len(scored) == pairs and found == solve(tokens.tolist())
    assert (lags[labels == IGNORED] == -1).all()
    bound = Counter(tokens[: 2 * task.num_pairs : 2].tolist())
    assert set(bound.values()) == {2 if rebind else 1} and len(bound) == pairs


def test_a_key_is_never_asked_for_by_chance():
    tokens, labels = build().batch("train", 0, 0, 200)[:2]
    later = tokens[:, 16:]
    assert ((later < KEYS) == (labels[:, 16:] != IGNORED)).all()
    assert ((later < KEYS) | (later >= KEYS + VALUES)).all()


def test_rebound_keys_are_asked_for_their_later_value():
    batch = build(rebind=True).batch("train", 0, 0, 100)
    for tokens, labels, lags in zip(*(x.numpy() for x in batch[:3]), strict=True):
        for t in np.flatnonzero(labels != IGNORED):
            values = [tokens[s + 1] for s in range(0, 32, 2) if tokens[s] == tokens[t]]
            assert len(set(values)) == 2 and labels[t] == values[1] == tokens[t - lags[t]]


def test_gaps_follow_the_power_law():
    task, slots = build(1, alpha=0.5), 7
    counts = np.zeros(slots)
    for i in range(4000):
        labels = task.sample(sample_rng("recall", "test", 1, i), 16, "test", "recall").labels
        counts[(np.flatnonzero(labels != IGNORED)[0] - 2) // 2] += 1
    expected = np.arange(1, slots + 1) ** -0.5
    expected *= 4000 / expected.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # 0.1 % point, 6 degrees of freedom


def test_half_of_the_queries_stand_near_the_pairs():
    labels = build().batch("train", 0, 0, 500).targets.numpy()
    places = np.nonzero(labels != IGNORED)[1]
    assert places.min() == 16 and 24 <= np.median(places) <= 28


def test_lags_grow_with_the_document():
    medians = [np.median(lags[lags > 0]) for lags in all_lags((64, 256, 1024))]
    assert medians[0] < medians[1] < medians[2]


def all_lags(lengths):
    return [build().documents("recall", 0, 100, length).lags.numpy() for length in lengths]


def test_documents_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="31 tokens .* ask for 32"):
        build().documents("recall", 0, 1, 31)
    for overrides in (["num_pairs=17"], ["rebind=true", "num_pairs=11"], ["num_keys=7"]):
        with pytest.raises(Refused):
            variant(["task=recall", *(f"task.{override}" for override in overrides)])
    with pytest.raises(Refused, match="all pairs"):
        variant(["task=recall", "task.evaluate.lengths=[16,64]"])
    variant(["task=recall", "task.rebind=true", "task.evaluate.lengths=[48,64]"])
