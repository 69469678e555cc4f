"""Reconstruct handwritten digits of 8 x 8 pixels: mostly empty pictures beside rich photographs.

    x = u / 8 - 1,  u in 0 ... 16 of ink

x (B, 1, 8, 8) in [-1, 1] are digits; N = (8 / p)^2 tokens each stand for p x p pixels. The 1797
digits are 14 forms of about 128, all filled in the same order. Of the first 12 forms, 1545 digits,
digit i is test if crc32("digits/i") % 10 < 2, validation if 2, else train. The 252 digits of the
last two forms are in no split: in 14 rows of 18 they are the picture from outside.

Source: Alpaydin, Kaynak, "Optical Recognition of Handwritten Digits" (1998), its test part, as
scikit-learn ships it.
"""

from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from kexue_pipe.core.contracts import Batch, sample_rng

SIDE, WHITE = 8, 16
SPLITS = ["test"] * 2 + ["validation"] + ["train"] * 7  # by crc32 % 10
SPLIT = 1545  # digits that are in a split
SHEET = (14, 18)  # rows and columns of the others
DIGEST = "8f26b2bd9d13"  # first 12 hex digits of the SHA-256 of the pixels


class Digits:
    """Handwritten digits in [-1, 1], and a whole sheet of them from outside."""

    name = "digits"
    chance = None
    solved_at = None
    white = WHITE
    out_of_domain = "two more forms"
    crop = (slice(40), slice(40))
    patch_size = SIDE

    def __init__(self, *, train_length: int, token_size: int) -> None:
        self.train_length, self.token_size = train_length, token_size

    @property
    def data_hash(self) -> str:
        """Give the SHA-256 of the pixels of all digits."""
        return sha256(self._digits.tobytes()).hexdigest()

    def batch(self, split: str, seed: int, index: int, size: int) -> Batch:
        """Give digits index * size ... (index + 1) * size - 1 of a split."""
        members = self._members(split)
        rngs = (sample_rng(self.name, split, seed, index * size + i) for i in range(size))
        images = _scaled(self._digits[[members[rng.integers(len(members))] for rng in rngs]])
        return Batch(images, images)

    def images(self, split: str) -> dict[str, Tensor]:
        """Give all digits (n, 1, 8, 8) of a split."""
        return {self.name: _scaled(self._digits[self._members(split)])}

    def whole_image(self, name: str) -> Tensor:
        """Give the sheet of digits that are in no split (1, 1, 112, 144)."""
        sheet = self._digits[SPLIT:].reshape(*SHEET, SIDE, SIDE).swapaxes(1, 2)
        return _scaled(sheet.reshape(1, SHEET[0] * SIDE, SHEET[1] * SIDE))

    def labels(self, split: str) -> Tensor:
        """Give which digit, 0 ... 9, each picture of a split shows, (n,)."""
        return torch.from_numpy(self._rows[self._members(split), -1].astype(np.int64))

    @cached_property
    def _digits(self) -> np.ndarray:
        return self._rows[:, :-1].reshape(-1, SIDE, SIDE)

    @cached_property
    def _rows(self) -> np.ndarray:
        spec = find_spec("sklearn")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(
                "task=digits reads the digits of scikit-learn, which is not installed; run "
                "`pip install scikit-learn`"
            )
        file = Path(spec.origin).parent / "datasets/data/digits.csv.gz"
        rows = np.loadtxt(file, np.uint8, delimiter=",")  # pixels, then what they show
        if not sha256(rows[:, :-1].tobytes()).hexdigest().startswith(DIGEST):
            raise ValueError(
                f"{file} holds other digits than those of SHA-256 {DIGEST}...; run `pip install "
                f"--force-reinstall scikit-learn`"
            )
        return rows

    def _members(self, split: str) -> list[int]:
        return [i for i in range(SPLIT) if SPLITS[crc32(f"digits/{i}".encode()) % 10] == split]


def _scaled(ink: np.ndarray) -> Tensor:
    """Give pictures (n, 1, h, w) of ink (n, h, w)."""
    return torch.from_numpy(ink.astype(np.float32))[:, None] / (WHITE / 2) - 1
