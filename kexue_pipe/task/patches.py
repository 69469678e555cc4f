"""Reconstruct patches of natural photographs, or of a folder of pictures of your own.

    x = 2 u / 255 - 1,  u in 0 ... 255 grey

x (B, 1, s, s) in [-1, 1] are patches of s x s pixels, s = sqrt(N) p, for N tokens a patch that each
stand for p x p pixels. Eight photographs are cut into super-blocks of 64 x 64 pixels; a super-block
(image, row r, column c) is test if crc32("image/r/c") % 10 = 0, validation if 1, else train, so no
pixel is in two splits. Training patches lie at random offsets inside a train super-block and are
mirrored at random; test patches are the fixed grid of s x s tiles. The ninth photograph, `camera`,
is seen in no split: it is the out-of-domain picture, and reconstructed whole.

Of a folder of your own all PNG, JPEG, TIFF, BMP and WebP files in it (not in folders below) are cut
in the same way, under their file names; `camera` stays the out-of-domain picture. They may be more
than memory holds: pixels are mapped, and of a split at most 2**24, spread evenly, are evaluated.

Source: the photographs of scikit-image 0.26.0 (public domain, CC0, or without known restrictions),
in grey; astronaut is by NASA.
Departure: the posts train on faces of 128 x 128 pixels (CelebA-HQ).
"""

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from math import isqrt
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from kexue_pipe.core.contracts import Batch, sample_rng
from kexue_pipe.core.photographs import own_photographs, packaged_photographs

BLOCK = 64  # side of a super-block, pixels
SPLITS = ["test", "validation"] + ["train"] * 8  # by crc32 % 10
SEEN = 2**24  # pixels of a split that are evaluated


class Patches:
    """Patches of photographs in [-1, 1], and one whole photograph from outside."""

    name = "patches"
    chance = None
    solved_at = None
    white = 255
    out_of_domain = "camera"
    crop = (slice(64, 192), slice(176, 304))

    def __init__(self, *, train_length: int, token_size: int, path: str | None) -> None:
        self.path = path
        self.train_length = train_length
        self.token_size = token_size
        self.patch_size = isqrt(train_length) * token_size
        if isqrt(train_length) ** 2 != train_length or BLOCK % self.patch_size:
            raise ValueError(
                f"train_length={train_length} tokens of token_size={token_size} pixels must form a "
                f"square whose side divides {BLOCK}"
            )

    @property
    def data_hash(self) -> str:
        """Give the SHA-256 of the grey pixels of all photographs."""
        digest = sha256()
        for photograph in self._photographs.values():
            digest.update(photograph.tobytes())
        return digest.hexdigest()

    def batch(self, split: str, seed: int, index: int, size: int) -> Batch:
        """Give patches index * size ... (index + 1) * size - 1 of a split."""
        tiles, s = self._tiles[split], self.patch_size
        patches = np.empty((size, 1, s, s), np.uint8)
        for i in range(size):
            u = sample_rng(self.name, split, seed, index * size + i).random(4)
            number, y, x = tiles[int(u[0] * len(tiles))].tolist()
            photograph = self._photographs[self._names[number]]
            height, width = photograph.shape
            top, left = y - y % BLOCK, x - x % BLOCK
            y = top + int(u[1] * (min(BLOCK, height - top) - s + 1))
            x = left + int(u[2] * (min(BLOCK, width - left) - s + 1))
            patches[i, 0] = photograph[y : y + s, x : x + s][:, :: -1 if u[3] < 0.5 else 1]
        images = _scaled(patches)
        return Batch(images, images)

    def images(self, split: str) -> dict[str, Tensor]:
        """Give fixed tiles (n, 1, s, s) of a split, by name of the photograph."""
        s = self.patch_size
        tiles: dict[str, list[np.ndarray]] = {}
        places = self._tiles[split]
        for number, y, x in places[:: _stride(len(places), s)].tolist():
            name = self._names[number]
            tiles.setdefault(name, []).append(self._square(name, y, x, s))
        return {name: _scaled(np.stack(group)[:, None]) for name, group in tiles.items()}

    def squares(self, split: str) -> Tensor:
        """Give whole super-blocks (n, 1, 64, 64) of a split."""
        found = [
            (name, y, x)
            for name, photograph in self._photographs.items()
            for y in range(0, photograph.shape[0] - BLOCK + 1, BLOCK)
            for x in range(0, photograph.shape[1] - BLOCK + 1, BLOCK)
            if name != self.out_of_domain and _split_of(name, y, x) == split
        ]
        if not found:
            raise ValueError(
                f"task.path={self.path} leaves no square of {BLOCK} x {BLOCK} pixels for the "
                f"{split} part; add more or larger pictures"
            )
        seen = found[:: _stride(len(found), BLOCK)]
        return _scaled(np.stack([self._square(*place, BLOCK) for place in seen])[:, None])

    def whole_image(self, name: str) -> Tensor:
        """Give a whole photograph (1, 1, height, width)."""
        return _scaled(self._photographs[name][None, None])

    def _square(self, name: str, y: int, x: int, side: int) -> np.ndarray:
        """Copy a square of a photograph, so that no map of a file stays open."""
        return np.array(self._photographs[name][y : y + side, x : x + side])

    @cached_property
    def _photographs(self) -> Mapping[str, np.ndarray]:
        packaged = packaged_photographs()
        if self.path is None:
            return packaged
        photographs = own_photographs(self.path, self.patch_size)
        photographs[self.out_of_domain] = packaged[self.out_of_domain]
        return photographs

    @cached_property
    def _names(self) -> list[str]:
        return [name for name in self._photographs if name != self.out_of_domain]

    @cached_property
    def _tiles(self) -> dict[str, np.ndarray]:
        """Give number of the photograph, top and left of the tiles of each split, (n, 3)."""
        s = self.patch_size
        found: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
        for number, name in enumerate(self._names):
            height, width = self._photographs[name].shape
            y, x = (np.arange(0, side - s + 1, s, dtype=np.int32) for side in (height, width))
            blocks = [[_split_of(name, i, j) for j in x[:: BLOCK // s]] for i in y[:: BLOCK // s]]
            splits = np.array(blocks)[y[:, None] // BLOCK, x // BLOCK]  # of each tile
            for split, parts in found.items():
                i, j = np.nonzero(splits == split)
                parts.append(np.stack([np.full(len(i), number, np.int32), y[i], x[j]], 1))
        tiles = {split: np.concatenate(found[split]) for split in found}
        for split, group in tiles.items():
            if not len(group):
                raise ValueError(
                    f"task.path={self.path} leaves no patch for the {split} part, since splits go "
                    f"by squares of {BLOCK} x {BLOCK} pixels; add more or larger pictures"
                )
        return tiles


def _stride(count: int, side: int) -> int:
    """Say which share of some squares is taken: all, one in two, ..."""
    return max(1, -(-count * side**2 // SEEN))


def _split_of(name: str, y: int, x: int) -> str:
    """Give the split of the super-block in which a pixel of a photograph lies."""
    block = f"{name}/{y // BLOCK}/{x // BLOCK}"
    return SPLITS[crc32(block.encode()) % len(SPLITS)]


def _scaled(grey: np.ndarray) -> Tensor:
    return 2 * torch.from_numpy(grey.astype(np.float32)) / 255 - 1
