"""Digits: those of the data set, each in one place, and whole numbers of ink."""

import pytest
import torch

from kexue_pipe.core.lossless import lossless_rates
from kexue_pipe.task import digits
from kexue_pipe.task.digits import Digits

SPLITS = {"train": 1067, "validation": 173, "test": 305}


def build():
    return Digits(train_length=16, token_size=2)


def ink(images):
    return ((images[:, 0] + 1) * 8).byte().numpy()


def test_splits_and_the_sheet_are_the_whole_set():
    task = build()
    tiles = {split: task.images(split)["digits"] for split in SPLITS}
    assert {split: len(x) for split, x in tiles.items()} == SPLITS
    sheet = task.whole_image(task.out_of_domain)
    cells = torch.nn.functional.pixel_unshuffle(sheet, 8).flatten(2).mT.view(-1, 1, 8, 8)
    every = torch.cat([*tiles.values(), cells])
    assert len(every) == 1797 and every.min() == -1 and every.max() == 1
    distinct = {tile.tobytes() for tile in ink(every)}
    assert distinct == {tile.tobytes() for tile in task._digits} and len(distinct) == 1797
    # published: entropy of order 0, and xz, in bits per pixel
    rates = lossless_rates(task._digits)
    assert rates["order 0"] == pytest.approx(2.98, abs=5e-3)
    assert rates["xz"] == pytest.approx(2.69, abs=5e-3)


def test_sheet_shows_upright_digits_row_by_row():
    task = build()
    sheet = ink(task.whole_image(""))[0]
    assert (sheet[:8, 8:16] == task._digits[1546]).all()
    assert (sheet[8:16, :8] == task._digits[1545 + 18]).all()


def test_labels_are_those_of_the_data_set():
    from sklearn.datasets import load_digits

    task, (rows, shown) = build(), load_digits(return_X_y=True)
    label = {row.astype("uint8").tobytes(): y for row, y in zip(rows, shown, strict=True)}
    for split in SPLITS:
        expected = [label[tile.tobytes()] for tile in ink(task.images(split)["digits"])]
        assert task.labels(split).tolist() == expected


def test_batches_are_drawn_from_all_digits_of_their_split():
    task = build()
    known = {tile.tobytes() for tile in ink(task.images("train")["digits"])}
    drawn = {tile.tobytes() for tile in ink(task.batch("train", 0, 0, 4000).inputs)}
    assert drawn <= known and len(drawn) > 0.95 * len(known)


def test_changed_digits_and_missing_package_are_one_sentence(monkeypatch):
    monkeypatch.setattr(digits, "DIGEST", "0" * 12)
    with pytest.raises(ValueError, match="other digits than those of SHA-256 0.*pip install"):
        build().batch("train", 0, 0, 1)
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="run `pip install scikit-learn`"):
        build().images("test")
