"""Noisy permutations: the law of the chain, its levels by brute force, and tiled documents."""

from collections import Counter
from math import exp, log

import numpy as np
import pytest

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.task.icl_bigram import IclBigram

N, A, F = 64, 16, 0.8
TASK = IclBigram(train_length=N, num_symbols=A, follow=F, tiled=0.25)
Q = 0.8125


def draw(i, length, split="test", stream="natural"):
    return TASK.sample(sample_rng("icl_bigram", split, 0, i), length, split, stream)


def period_of(tokens):
    """Find the smallest period of a document by trying all; 0 if there is none."""
    return next((p for p in range(1, len(tokens)) if (tokens[p:] == tokens[:-p]).all()), 0)


def permutation_of(tokens, labels):
    """Find the most frequent successor of each symbol in a long document."""
    pairs = Counter(zip(tokens.tolist(), labels.tolist(), strict=True))
    return [max(range(A), key=lambda y: pairs[x, y]) for x in range(A)]


def test_successors_follow_one_permutation_per_document_with_uniform_noise():
    follows, misses, symbols, found = [], np.zeros(A), np.zeros(A), set()
    for i in range(20):
        tokens, labels, lags, _ = draw(i, 2000)
        assert lags is None and (labels[:-1] == tokens[1:]).all()
        pi = permutation_of(tokens, labels)
        assert sorted(pi) == list(range(A))
        found.add(tuple(pi))
        expected = np.array(pi)[tokens]
        follows.append(expected == labels)
        misses += np.bincount((labels - expected) % A, minlength=A)
        symbols += np.bincount(tokens, minlength=A)
    follows = np.array(follows)
    assert len(found) == 20
    sigma = (Q * (1 - Q) / follows.size) ** 0.5
    assert abs(follows.mean() - Q) < 3 * sigma
    after = follows[:, 1:][follows[:, :-1]].mean() - follows[:, 1:][~follows[:, :-1]].mean()
    assert abs(after) < 3 * sigma * (1 / Q + 1 / (1 - Q)) ** 0.5  # follows are independent
    wrong = misses[1:]
    assert ((wrong - wrong.mean()) ** 2 / wrong.mean()).sum() < 36.1  # 0.1 % point, 14 degrees
    # neighbours agree in more than their share, so symbols spread more than independent ones
    assert ((symbols - symbols.mean()) ** 2 / symbols.mean()).sum() < 10 * 37.7


def test_optimum_is_the_loss_of_who_knows_the_permutation():
    losses = []
    for i in range(100, 120):
        tokens, labels, _, _ = draw(i, 2000)
        hits = np.array(permutation_of(tokens, labels))[tokens] == labels
        losses.append(np.where(hits, -log(Q), -log((1 - Q) / 15)))
    sigma = np.std(losses) / np.size(losses) ** 0.5
    assert abs(np.mean(losses) - TASK.optimum["natural"]) < 3 * sigma
    assert TASK.optimum["natural"] == pytest.approx(0.990337, abs=1e-6)
    levels = TASK.levels(TASK.documents("natural", 0, 3, N), 32)
    assert levels["ceiling"] == (TASK.optimum["natural"], pytest.approx(Q))


def test_in_context_bigram_is_the_posterior_of_one_row():
    documents = TASK.documents("natural", 0, 8, 2 * N)
    losses, sure = [], []
    for tokens, labels in zip(documents.inputs.tolist(), documents.targets.tolist(), strict=True):
        for t in range(2 * N - 20, 2 * N):
            earlier = [tokens[s + 1] for s in range(t) if tokens[s] == tokens[t]]
            likely = [
                exp(sum(log(Q if y == z else (1 - Q) / 15) for z in earlier)) for y in range(A)
            ]
            p = [F * w / sum(likely) + (1 - F) / A for w in likely]
            losses.append(-log(p[labels[t]]))
            if p.count(max(p)) == 1:
                sure.append(max(range(A), key=p.__getitem__) == labels[t])
    nats, accuracy = TASK.levels(documents, 20)["in-context bigram"]
    assert nats == pytest.approx(np.mean(losses), rel=1e-9)
    assert abs(accuracy * len(losses) - sum(sure)) <= len(losses) - len(sure)  # ties


def test_levels_rise_with_context_to_the_ceiling():
    accuracies = []
    for factor in (1, 2, 8):
        levels = TASK.levels(TASK.documents("natural", 0, 400, factor * N), N // 2)
        accuracies.append(levels["in-context bigram"][1])
    assert accuracies[0] + 0.05 < accuracies[1] < accuracies[2]
    assert accuracies[2] == pytest.approx(Q, abs=0.02)


def test_solved_is_three_quarters_of_the_way_to_the_in_context_bigram():
    _, accuracy = TASK.levels(TASK.documents("natural", 5000, 2000, N), 32)["in-context bigram"]
    assert TASK.solved_at == pytest.approx(1 / A + 0.75 * (accuracy - 1 / A), abs=0.015)
    assert TASK.solved_at == pytest.approx(0.54, abs=0.005)


def test_repeated_documents_are_scored_after_their_first_period():
    periods = set()
    for i in range(300):
        tokens, labels, lags, _ = draw(i, 8 * N, stream="repeat")
        period = period_of(tokens)
        periods.add(period)
        scored = np.flatnonzero(labels != IGNORED)
        assert scored.tolist() == list(range(period - 1, 8 * N))
        assert (labels[scored] == tokens[scored + 1 - period]).all()
        assert (lags[scored] == period - 1).all() and (lags[: period - 1] == -1).all()
    assert min(periods) >= 3 * N // 2 and max(periods) <= 3 * N and 2 * N not in periods
    documents = TASK.documents("repeat", 0, 5, 8 * N)
    assert TASK.levels(documents, 32)["ceiling"] == (0.0, 1.0)
    assert TASK.levels(TASK.documents("repeat", 0, 5, N), 32) == {}


def test_the_asked_share_of_training_documents_is_tiled():
    documents = [draw(i, N, "train", "train") for i in range(2000)]
    periods = [period_of(np.append(d.tokens, d.labels[-1])) for d in documents]
    tiled = [p for p in periods if 0 < p <= N // 2]
    assert abs(len(tiled) / 2000 - 0.25) < 3 * (0.25 * 0.75 / 2000) ** 0.5
    # the period of a passage may be a part of it: pi has short cycles
    assert {p for p in tiled if p >= N // 4} == set(range(N // 4, N // 2 + 1))
    assert all((d.labels != IGNORED).all() for d in documents)
