"""Photographs: the documented tiles, and no pixel in two splits."""

from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

from kexue_pipe.task import patches
from kexue_pipe.task.patches import Patches

SPLITS = ("train", "validation", "test")


def build(train_length=16, token_size=4, path=None):
    return Patches(train_length=train_length, token_size=token_size, path=path)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(256, size=(height, width), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write pixels under file names into a folder; give its path."""

    monkeypatch.chdir(tmp_path)  # what is read stays in a results/ of this test
    (tmp_path / "pictures").mkdir()

    def write(pictures):
        for name, pixels in pictures.items():
            Image.fromarray(pixels).save(tmp_path / "pictures" / name)
        return str(tmp_path / "pictures")

    return write


def test_tiles_of_all_splits_are_the_eight_photographs():
    # tiles of 16 x 16 pixels per photograph, without the rows and columns that do not fill one
    counts = {"astronaut": 1024, "chelsea": 504, "coffee": 925, "coins": 432}
    counts |= dict.fromkeys(["brick", "grass", "gravel", "ihc"], 1024)
    task = build()
    found = {name: 0 for name in counts}
    for split in SPLITS:
        for name, tiles in task.images(split).items():
            assert tiles.shape[1:] == (1, 16, 16)
            found[name] += len(tiles)
    assert found == counts


def test_every_photograph_has_test_tiles():
    assert len(build().images("test")) == 8


def test_pixels_are_between_minus_one_and_one():
    whole = build().whole_image("camera")
    assert whole.shape == (1, 1, 512, 512) and whole.dtype == torch.float32
    assert whole.min() == -1 and whole.max() == 1
    grey = (whole + 1) * 127.5
    torch.testing.assert_close(grey, grey.round(), rtol=0, atol=1e-4)


def painted(task):
    """Paint each super-block in the colour of its split."""
    colours = {"test": 0, "validation": 100}
    photographs = {}
    for name, photograph in task._photographs.items():
        paint = np.empty_like(photograph)
        for r in range(-(-photograph.shape[0] // 64)):
            for c in range(-(-photograph.shape[1] // 64)):
                value = {0: 0, 1: 100}.get(crc32(f"{name}/{r}/{c}".encode()) % 10, 255)
                paint[64 * r : 64 * r + 64, 64 * c : 64 * c + 64] = value
        photographs[name] = paint
    task.__dict__["_photographs"] = photographs
    return {**{k: 2 * v / 255 - 1 for k, v in colours.items()}, "train": 1.0}


@pytest.mark.parametrize(("train_length", "token_size"), [(16, 4), (4, 4), (64, 8)])
def test_no_pixel_is_in_two_splits(train_length, token_size):
    task = build(train_length, token_size)
    colours = painted(task)
    for split, colour in colours.items():
        drawn = task.batch(split, 0, 0, 200).inputs
        fixed = torch.cat(list(task.images(split).values()))
        for images in (drawn, fixed):
            torch.testing.assert_close(images, torch.full_like(images, colour))


def test_training_patches_lie_off_the_grid_and_are_mirrored():
    task = build()
    ramp = np.arange(64, dtype=np.uint8) * 2
    task.__dict__["_photographs"] = {"coins": np.tile(ramp, (512, 8))}
    images = task.batch("train", 0, 0, 600).inputs[:, 0, 0]  # (B, s), grey rises along a row
    columns = ((images + 1) * 127.5 / 2).round().int()
    slope = columns[:, 1] - columns[:, 0]
    assert set(slope.tolist()) == {-1, 1}
    assert len((columns[slope == 1, 0] % 16).unique()) > 10


def test_camera_is_in_no_split():
    task = build()
    assert all("camera" not in task.images(split) for split in SPLITS)
    assert all(task._names[i] != "camera" for tiles in task._tiles.values() for i, _, _ in tiles)


def test_no_more_pixels_are_evaluated_than_memory_holds(monkeypatch):
    every, squares = torch.cat([*build().images("test").values()]), build().squares("test")
    monkeypatch.setattr(patches, "SEEN", 2**15)
    some, few = torch.cat([*build().images("test").values()]), build().squares("test")
    stride = -(-len(every) * 256 // 2**15)
    assert stride > 1 and torch.equal(some, every[::stride])
    assert torch.equal(few, squares[:: -(-len(squares) // 8)]) and len(few) <= 8


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="train_length=8 "):
        build(8)
    with pytest.raises(ValueError, match="train_length=64 tokens of token_size=16"):
        build(64, 16)


def test_pictures_of_a_folder_are_cut_and_split_as_the_packaged_ones(folder):
    task = build(path=folder({"a.png": noise(520, 600), "b.png": noise(250, 70, seed=1)}))
    counts = {"a.png": 0, "b.png": 0}
    for split in SPLITS:
        for name, tiles in task.images(split).items():
            counts[name] += len(tiles)
    assert counts == {"a.png": 32 * 37, "b.png": 15 * 4}
    colours = painted(task)
    for split, colour in colours.items():
        drawn = task.batch(split, 0, 0, 200).inputs
        torch.testing.assert_close(drawn, torch.full_like(drawn, colour))


def test_camera_stays_the_picture_from_outside(folder):
    task = build(path=folder({"camera.png": noise(512, 512)}))
    assert torch.equal(task.whole_image("camera"), build().whole_image("camera"))
    assert list(task.images("test")) == ["camera.png"]


def test_hash_is_that_of_the_pixels_of_the_folder(folder):
    first = build(path=folder({"a.png": noise(512, 512)})).data_hash
    second = build(path=folder({"a.png": noise(512, 512, seed=1)})).data_hash
    assert len({first, second, build().data_hash}) == 3


def test_folder_with_too_few_pixels_is_one_sentence(folder):
    path = folder({"a.png": noise(64, 64)})
    with pytest.raises(ValueError, match=f"task.path={path} leaves no patch for the .* part"):
        build(path=path).batch("train", 0, 0, 1)
    with pytest.raises(ValueError, match="b.png has 8 x 64 pixels, less than a patch of 16 x 16"):
        build(path=folder({"b.png": noise(64, 8)})).batch("train", 0, 0, 1)
