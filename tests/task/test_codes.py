"""Codes of pictures: the order of cells, the shapes of grids, levels by brute force."""

from math import log
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kexue_pipe.core.layouts import grid, grid_ids, tie_integer, tv
from kexue_pipe.task.codes import Codes

P, S, K, N = 2, 8, 5, 16  # pixels of a token and of a tile, codes, cells of a training grid
SIZES = {"train": (6, 8, 8), "validation": (3, 8, 8), "test": (3, 8, 8), "outside": (1, 24, 32)}


def pixels(split):
    n, h, w = SIZES[split]
    rng = np.random.default_rng(len(split))
    return torch.from_numpy(rng.integers(K, size=(n, 1, P * h, P * w))).float()


def codes(tiles):
    """Read the code of a token from its first pixel."""
    assert tiles.shape[1:] == (1, S, S)
    return tiles[:, 0, ::P, ::P].long()


def whole_image(name):
    return pixels(name)


PICTURES = SimpleNamespace(
    data_hash="", token_size=P, patch_size=S, out_of_domain="outside", squares=pixels,
    whole_image=whole_image,
)  # fmt: skip
MODEL = SimpleNamespace(codes=codes, quantizer=SimpleNamespace(num_codes=K))
TASK = Codes(parent=SimpleNamespace(task=PICTURES, model=MODEL), train_length=N)


def test_pictures_are_encoded_tile_by_tile_into_grids_that_keep_their_order():
    for split in ("test", "outside"):
        assert (TASK.grids(split) == pixels(split)[:, 0, ::P, ::P].numpy()).all()


def test_training_pictures_are_also_mirrored():
    grids, picture = TASK.grids("train"), pixels("train")
    assert grids.shape == (12, 8, 8)
    assert (grids[6:] == picture.flip(3)[:, 0, ::P, ::P].numpy()).all()


@pytest.mark.parametrize(
    ("stream", "length", "shape"),
    [
        ("photographs", 16, (4, 4)), ("square", 64, (8, 8)), ("tall", 64, (16, 4)),
        ("wide", 64, (4, 16)), ("square", 32, (6, 6)), ("square", 17, (4, 5)),
        ("tall", 18, (5, 4)), ("wide", 18, (4, 5)),
    ],
)  # fmt: skip
def test_documents_are_the_first_cells_of_a_grid_after_bos(stream, length, shape):
    documents = TASK.documents(stream, 0, 4, length)
    assert documents.grids.tolist() == [[[0, *shape]]] * 4
    assert (documents.inputs[:, 0] == K).all()
    assert torch.equal(documents.inputs[:, 1:], documents.targets[:, :-1])
    source = TASK.grids("test" if stream == "photographs" else "outside")
    views = np.lib.stride_tricks.sliding_window_view(source, shape, (1, 2))
    places = views.reshape(-1, shape[0] * shape[1])[:, :length]
    for cells in documents.targets.numpy():
        assert (places == cells).all(1).any()


def test_at_the_training_length_all_shapes_are_the_same_documents():
    square, *others = (TASK.documents(s, 0, 9, N).inputs for s in ("square", "tall", "wide"))
    assert all(torch.equal(square, other) for other in others)


def test_a_stream_gives_the_documents_that_it_has():
    assert len(TASK.documents("photographs", 0, 9, 64).inputs) == SIZES["test"][0]


def test_a_grid_larger_than_its_pictures_is_refused():
    with pytest.raises(ValueError, match=r"9 x 9 codes is larger than .* test part, 8 x 8 codes"):
        TASK.documents("photographs", 0, 1, 81)


@pytest.mark.parametrize(("stream", "length"), [("photographs", 32), ("wide", 30)])
def test_levels_are_smoothed_frequencies_of_the_training_squares(stream, length):
    documents = TASK.documents(stream, 0, 5, length)
    levels = TASK.levels(documents, length)
    known = TASK.grids("train")
    counts = np.bincount(known.ravel(), minlength=K)
    unigram = (counts + np.count_nonzero(counts) / K) / (counts.sum() + np.count_nonzero(counts))
    pairs = {name: np.zeros((K + 1, K)) for name in ("left", "above")}
    for square in known:
        for r, c in np.ndindex(square.shape):
            pairs["left"][square[r, c - 1] if c else K, square[r, c]] += 1
            pairs["above"][square[r - 1, c] if r else K, square[r, c]] += 1
    expected = dict.fromkeys(("unigram", "left", "above"), 0.0)
    w = int(documents.grids[0, 0, 2])
    for cells in documents.targets.tolist():
        for t, b in enumerate(cells):
            near = {"left": cells[t - 1] if t % w else K, "above": cells[t - w] if t >= w else K}
            expected["unigram"] -= log(unigram[b])
            for name, a in near.items():
                row = pairs[name][a]
                kinds = np.count_nonzero(row)
                expected[name] -= log((row[b] + kinds * unigram[b]) / (row.sum() + kinds))
    assert {k: v * 5 * length for k, (v, _) in levels.items()} == pytest.approx(expected)


def test_without_text_tv_is_a_shifted_grid_and_tie_is_not():
    index, grids = torch.arange(35.0), TASK.documents("wide", 0, 1, 35).grids
    plain = grid_ids(grid, index, grids)
    shift = grid_ids(tv, index, grids)[..., :2] - plain[..., :2]
    assert (shift == shift[0]).all()
    assert not torch.allclose(
        grid_ids(tie_integer, index, grids)[1:] - grid_ids(tie_integer, index, grids)[:1],
        plain[1:] - plain[:1],
    )


def test_a_uniform_guess_is_among_the_codes_and_bos_is_none_of_them():
    assert (TASK.vocabulary_size, TASK.chance, TASK.token_size) == (K + 1, 1 / K, P)
