"""Photographs in grey: those of a package, checked by their SHA-256, or those of a user's folder.

    u = (299 R + 587 G + 114 B) / 1000  in 0 ... 255, rounded by Pillow in whole numbers

A picture of more than 8 bits per channel is refused: Pillow would cut all of it at 255. The pixels
of a folder stand in a file that is mapped, see `kept_data.py`: they may be more than memory holds.

Source: the photographs of scikit-image 0.26.0 (public domain, CC0, or without known restrictions).
"""

from collections import UserDict
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kexue_pipe.core.kept_data import Index, kept

PACKAGE, VERSION = "scikit-image", "0.26.0"
DIGESTS = {  # first 12 hex digits of the SHA-256 of the grey pixels
    "astronaut": "f98a00b3351f",
    "camera": "5cb24482a534",
    "chelsea": "cd822d0a5b86",
    "coffee": "3e8857c7e771",
    "coins": "e080cc03805f",
    "brick": "664a145c5253",
    "grass": "b18dae4c68bf",
    "gravel": "3d51ad45f789",
    "ihc": "fd48ca0459de",
}
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
DEEP = ("I", "F")  # first letter of Pillow's modes of more than 8 bits


class Mapped(UserDict[str, Any]):
    """Pictures that are mapped anew when they are asked for, so that no page of them stays."""

    def __getitem__(self, name: str) -> np.ndarray:
        found = self.data[name]
        return found() if callable(found) else found


def packaged_photographs() -> dict[str, np.ndarray]:
    """Read the photographs of the package in grey, and check their SHA-256."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"task=patches reads the photographs of {PACKAGE}, which is not installed; "
            f"run `pip install {PACKAGE}=={VERSION}`"
        )
    photographs = {}
    for name, digest in DIGESTS.items():
        with Image.open(Path(spec.origin).parent / "data" / f"{name}.png") as picture:
            photographs[name] = np.asarray(picture.convert("L"))
        found = sha256(photographs[name].tobytes()).hexdigest()[:12]
        if found != digest:
            raise ValueError(
                f"{name}.png of {PACKAGE} {version(PACKAGE)} has the SHA-256 {found}..., not "
                f"{digest}...; run `pip install --force-reinstall {PACKAGE}=={VERSION}`"
            )
    return photographs


def own_photographs(path: str, least: int) -> Mapped:
    """Map all pictures of a folder in grey, by file name; no side may be below `least` pixels."""
    if not Path(path).is_dir():
        raise FileNotFoundError(f"task.path={path} is no folder; give a folder with pictures in it")
    content, index = kept(path, _write, __file__)
    photographs, start = Mapped(), 0
    for name, (height, width) in zip(
        index["names"].tolist(), index["shapes"].tolist(), strict=True
    ):
        if min(height, width) < least:
            raise ValueError(
                f"task.path={path}: {name} has {width} x {height} pixels, less "
                f"than a patch of {least} x {least}; take it out of the folder or lower "
                f"task.train_length or task.token_size"
            )
        photographs[name] = partial(np.memmap, content, np.uint8, "r", start, (height, width))
        start += height * width
    return photographs


def _write(path: str, content: Path) -> Index:
    """Write the grey pixels of all pictures of a folder; give their names and shapes."""
    files = sorted(file for file in Path(path).iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(
            f"task.path={path} holds no picture; put {', '.join(SUFFIXES)} files there"
        )
    shapes = []
    with open(content, "wb") as output:
        for file in files:
            grey = _grey(path, file)
            shapes.append(grey.shape)
            output.write(grey.tobytes())
    return {"names": np.array([file.name for file in files]), "shapes": np.array(shapes)}


def _grey(path: str, file: Path) -> np.ndarray:
    """Read a picture in grey."""
    try:
        with Image.open(file) as picture:
            mode, grey = picture.mode, np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"task.path={path}: {file.name} can't be read as a picture ({error}); "
            f"repair it or take it out of the folder"
        ) from error
    if mode.startswith(DEEP):
        raise ValueError(
            f"task.path={path}: {file.name} has more than 8 bits per channel; convert it to 8"
        )
    return grey
