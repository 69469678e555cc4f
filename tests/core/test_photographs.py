"""Photographs: checked digests, grey from colours, and one sentence for what cannot be read."""

import numpy as np
import pytest
from PIL import Image

from kexue_pipe.core import photographs
from kexue_pipe.core.photographs import own_photographs, packaged_photographs


def noise(height, width, bands=0):
    shape = (height, width, bands) if bands else (height, width)
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write pixels, or bytes, under file names into a folder; give its path."""

    monkeypatch.chdir(tmp_path)  # what is read stays in a results/ of this test
    (tmp_path / "pictures").mkdir()

    def write(pictures):
        for name, pixels in pictures.items():
            if isinstance(pixels, bytes):
                (tmp_path / "pictures" / name).write_bytes(pixels)
            else:
                Image.fromarray(pixels).save(tmp_path / "pictures" / name)
        return str(tmp_path / "pictures")

    return write


def test_packaged_photographs_are_nine():
    found = packaged_photographs()
    assert len(found) == 9 and found["camera"].shape == (512, 512)
    assert all(grey.dtype == np.uint8 and grey.ndim == 2 for grey in found.values())


def test_changed_photograph_and_missing_package_are_one_sentence(monkeypatch):
    monkeypatch.setitem(photographs.DIGESTS, "ihc", "0" * 12)
    with pytest.raises(ValueError, match=r"ihc.png of scikit-image 0.26.0 .*pip install"):
        packaged_photographs()
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-image==0.26.0"):
        packaged_photographs()


def test_pictures_of_a_folder_are_read_by_name_in_grey(folder):
    colours = noise(80, 100, 3)
    path = folder({"b.png": noise(64, 64), "A.PNG": colours, "notes.txt": b"no picture"})
    found = own_photographs(path, 16)
    assert list(found) == ["A.PNG", "b.png"]
    assert np.array_equal(found["b.png"], noise(64, 64))
    grey = (colours * [0.299, 0.587, 0.114]).sum(2)
    assert np.abs(found["A.PNG"] - grey).max() < 1


def test_pictures_are_decoded_once_and_mapped(folder, monkeypatch):
    path = folder({"b.png": noise(64, 96), "a.png": noise(80, 70)})
    first = own_photographs(path, 16)
    monkeypatch.setattr(photographs, "_grey", lambda *_: pytest.fail("decoded again"))
    second = own_photographs(path, 16)
    for name, grey in second.items():
        assert np.array_equal(grey, first[name]) and isinstance(grey, np.memmap)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ({}, "holds no picture; put .png, .jpg"),
        ({"notes.txt": b"text"}, "holds no picture"),
        ({"a.png": noise(64, 64), "b.png": b"text"}, "b.png can't be read .* take it out"),
        ({"a.png": noise(64, 64), "b.png": noise(15, 40)}, "b.png has 40 x 15 pixels, less than"),
        ({"a.png": noise(64, 64).astype(np.uint16)}, "a.png has more than 8 bits per channel"),
    ],
)
def test_folder_that_cannot_be_used_is_one_sentence(folder, pictures, message):
    path = folder(pictures)
    with pytest.raises(ValueError, match=f"task.path={path}.*{message}") as error:
        own_photographs(path, 16)
    assert "\n" not in str(error.value)


def test_truncated_picture_is_one_sentence(folder, tmp_path):
    path = folder({"a.png": noise(64, 64)})
    whole = (tmp_path / "pictures/a.png").read_bytes()
    (tmp_path / "pictures/a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="a.png can't be read as a picture .*truncated"):
        own_photographs(path, 16)


def test_missing_folder_is_one_sentence(folder, tmp_path):
    folder({"a.png": noise(64, 64)})
    for missing in ("/no/such", str(tmp_path / "pictures/a.png")):
        with pytest.raises(FileNotFoundError, match=f"task.path={missing} is no folder"):
            own_photographs(missing, 16)
