"""The grid task: answers stand one row up, or a whole grid back, and nothing else is scored."""

import numpy as np
import pytest
import torch

from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.task.grid import ASK, BLANK, FIRST, WIDTHS, Grid

N, A = 40, 7
TASK = Grid(train_length=N, num_symbols=A, fresh=0.5)


def draw(i, length=N, split="test", stream="seen", task=TASK):
    return task.sample(sample_rng("grid", split, 0, i), length, split, stream)


def solve(tokens, grid, t):
    """Find the token after t from tokens ... t and the place of the grid alone."""
    first, h, w = grid
    seen = tokens[: t + 1]
    if t + 1 < first + h * w:
        return seen[t + 1 - w]
    asked = int(np.flatnonzero(seen == ASK)[-1])
    letters = seen[(seen >= FIRST) & (seen < FIRST + A)]
    return letters[t - asked]


@pytest.mark.parametrize("stream", WIDTHS)
@pytest.mark.parametrize("length", [32, N, 8 * N])
def test_scored_labels_follow_from_the_tokens_before_them(stream, length):
    for i in range(40):
        tokens, labels, lags, grids = draw(i, length, stream=stream)
        for t in np.flatnonzero(labels != IGNORED):
            assert labels[t] == solve(tokens, grids[0], t) == tokens[t - lags[t]]
        assert ((lags == -1) == (labels == IGNORED)).all() and lags.max() <= length


@pytest.mark.parametrize("stream", WIDTHS)
def test_documents_are_blanks_text_grid_and_question(stream):
    for i in range(100):
        tokens, labels, _, grids = draw(i, stream=stream)
        (first, h, w), document = grids[0], np.append(tokens, labels[-1])
        kinds = np.where(document < FIRST, document, FIRST + (document >= FIRST + A))
        p, blanks = int((kinds[:first] == FIRST).sum()), int((kinds == BLANK).sum())
        expected = [BLANK] * blanks + [FIRST] * p + [FIRST + 1] * (h * w) + [ASK] + [FIRST] * p
        assert kinds.tolist() == expected and first == blanks + p and 2 <= p <= 4
        assert blanks < w and len(set(document[blanks:first])) == p
        assert WIDTHS[stream][0] <= w <= WIDTHS[stream][1] and h >= 2


def test_scored_are_the_repeated_cells_outside_the_first_row_and_column_and_the_question():
    shares, widths = [], set()
    for i in range(300):
        tokens, labels, lags, grids = draw(i, 8 * N)
        first, h, w = grids[0]
        cells = (labels != IGNORED)[first - 1 : first + h * w - 1].reshape(h, w)
        assert not cells[0].any() and not cells[:, 0].any()
        assert (lags[first - 1 : first + h * w - 1].reshape(h, w)[cells] == w - 1).all()
        assert (labels != IGNORED)[first + h * w :].all()  # from ASK on
        shares.append(cells[1:, 1:].mean())
        widths.add(w)
    assert abs(np.mean(shares) - 0.5) < 0.01 and widths == set(range(4, 9))


def test_the_question_is_scored_alone_and_the_text_stands_a_grid_back():
    for i in range(50):
        tokens, labels, lags, grids = draw(i, stream="question")
        first, h, w = grids[0]
        scored = np.flatnonzero(labels != IGNORED)
        assert scored.tolist() == list(range(first + h * w, N))
        assert (lags[scored] == N - first).all()


def test_without_fresh_cells_all_rows_are_the_first():
    tokens, _, _, grids = draw(0, task=Grid(train_length=N, num_symbols=A, fresh=0.0))
    first, h, w = grids[0]
    cells = tokens[first : first + h * w].reshape(h, w)
    assert (cells == cells[0]).all()


def test_batches_hold_grids_and_lags_and_streams_differ():
    batch = TASK.batch("train", 0, 0, 5)
    assert batch.grids.shape == (5, 1, 3) and batch.lags.shape == (5, N)
    assert TASK.documents("seen", 0, 300, N).grids[:, 0, 2].unique().tolist() == [4, 5, 6, 7, 8]
    assert TASK.documents("wider", 0, 300, N).grids[:, 0, 2].unique().tolist() == [9, 10, 11, 12]
    assert torch.equal(
        TASK.documents("seen", 2, 3, N).grids, TASK.documents("seen", 0, 5, N).grids[2:]
    )


def test_level_is_a_uniform_guess_among_symbols_of_one_kind():
    levels = TASK.levels(TASK.documents("seen", 0, 5, N), N)
    assert levels == {"alphabet": pytest.approx((1.9459101, 1 / 7))}
    assert (TASK.vocabulary_size, TASK.chance) == (16, 1 / 16)


def test_train_and_test_share_no_document():
    train = {tuple(row) for row in TASK.batch("train", 0, 0, 300).inputs.tolist()}
    test = {tuple(row) for row in TASK.documents("seen", 0, 300, N).inputs.tolist()}
    assert not train & test and len(train) == len(test) == 300


def test_a_length_without_two_rows_is_refused():
    with pytest.raises(ValueError, match="20 tokens hold no two rows of"):
        draw(0, 20, stream="wider")
