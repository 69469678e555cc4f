"""Predict the codes that a trained autoencoder gives to pictures, one cell of a grid after another.

    document = BOS, c[1, 1], c[1, 2], ... row by row;   label t is cell t of the grid
    bits per pixel = mean loss / ln 2 / p^2

c[r, c] in 0 ... K - 1 is the code of p x p pixels; a document of T tokens is the first T cells of a
grid of h x w, and BOS = K. Every token stands at the cell that it predicts, so there is no text:
RoPE-TV ids, which only shift a lone grid, are grid ids, and RoPE-Tie ids, whose spacing grows with
the grid, are not. Training grids are squares of N cells at random places of the training squares
of 64 x 64 pixels, as they are and mirrored. The autoencoder is that of the same seed.

Streams: `photographs` are square grids, w = ceil(sqrt(T)), of the test squares; of the picture that
no split holds, `square` has such grids, `tall` keeps the width of training and `wide` the height.
Documents are distinct places; where a stream has fewer than are asked for, it gives what it has.

`levels`: `unigram` predicts by the frequencies of the training squares, `left` and `above` by those
beside one neighbour, each smoothed towards the one before (`core/frequencies.py`).

Source: van den Oord et al., "Neural Discrete Representation Learning" (arXiv 1711.00937): a prior
on codes.
Departure: a picture is encoded in tiles of the size that the autoencoder was trained on. As one
piece its GroupNorm would read other statistics, and the codes of a larger grid would be others.
"""

from functools import cache
from math import ceil, isqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.contracts import Batch, sample_rng
from kexue_pipe.core.frequencies import score, smoothed
from kexue_pipe.core.samples import Sample, Sampled, stack

OUTSIDE = "outside"  # what stands for a split in the streams of the out-of-domain picture
STREAMS = {"photographs": "test", "square": OUTSIDE, "tall": OUTSIDE, "wide": OUTSIDE}
TILES = 256  # encoded at once


class Codes(Sampled):
    """Grids of codes, in training and at other sizes."""

    name = "codes"
    train_stream = "square"
    solved_at = None
    fixed_targets = False
    optimum: dict[str, float | None] = dict.fromkeys(STREAMS)

    def __init__(self, *, parent: Any, train_length: int) -> None:
        self.parent = parent
        self.train_length = train_length
        self.data_hash = parent.task.data_hash
        self.token_size = parent.task.token_size  # p
        self.num_codes = parent.model.quantizer.num_codes  # K, which is also BOS
        self.vocabulary_size = self.num_codes + 1
        self.chance = 1 / self.num_codes
        self.grids = cache(self._grids)

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw a grid at a random place."""
        shape = self._shape(stream, length)
        return self._cut(split, shape, int(rng.integers(self._places(split, shape))), length)

    def documents(self, stream: str, start: int, count: int, length: int) -> Batch:
        """Give test documents start ... start + count - 1 of a stream, as far as it has them."""
        split, shape = STREAMS[stream], self._shape(stream, length)
        rng = sample_rng(self.name, "test", 0, length)
        order = rng.permutation(self._places(split, shape))
        places = order[start : start + count]
        return stack(self._cut(split, shape, int(place), length) for place in places)

    def levels(self, documents: Batch, last: int) -> dict[str, tuple[float, float]]:
        """Score the frequencies of codes, alone and beside a neighbour, on the last cells."""
        assert documents.grids is not None
        cells, squares = documents.targets.numpy(), self.grids("train")
        known = squares.reshape(len(squares), -1)
        beside = _neighbours(cells, int(documents.grids[0, 0, 2]), self.num_codes)
        given = _neighbours(known, squares.shape[2], self.num_codes)
        answers, base = cells[:, -last:], np.full(self.num_codes, self.chance)
        base = smoothed(known.ravel(), base)
        unigram = {"unigram": score({0: base}, 0 * answers, answers)}
        return unigram | {
            name: score(
                {a: smoothed(known[given[name] == a], base) for a in np.unique(asked[:, -last:])},
                asked[:, -last:],
                answers,
            )
            for name, asked in beside.items()
        }

    def _shape(self, stream: str, length: int) -> tuple[int, int]:
        """Give height and width of the grid whose first cells a document is."""
        side = isqrt(self.train_length)
        even = ceil(length**0.5)
        width = {"tall": side, "wide": ceil(length / side)}.get(stream, even)
        return ceil(length / width), width

    def _places(self, split: str, shape: tuple[int, int]) -> int:
        """Count the places of a grid in the pictures of a split."""
        n, h, w = self.grids(split).shape
        if shape[0] > h or shape[1] > w:
            raise ValueError(
                f"a grid of {shape[0]} x {shape[1]} codes is larger than the pictures of the "
                f"{split} part, {h} x {w} codes; lower task.train_length or "
                f"task.evaluate.max_factor, or leave its stream out of task.evaluate.streams"
            )
        return n * (h - shape[0] + 1) * (w - shape[1] + 1)

    def _cut(self, split: str, shape: tuple[int, int], place: int, length: int) -> Sample:
        grids, (h, w) = self.grids(split), shape
        room = (len(grids), grids.shape[1] - h + 1, grids.shape[2] - w + 1)
        i, y, x = np.unravel_index(place, room)
        cells = grids[i, y : y + h, x : x + w].ravel()[:length]
        tokens = np.concatenate([[self.num_codes], cells[:-1]])
        return Sample(tokens, cells, None, np.array([[0, h, w]]))

    def _grids(self, split: str) -> np.ndarray:
        """Encode the pictures of a split, (n, height, width) codes."""
        task = self.parent.task
        if split == OUTSIDE:
            return self._encode(task.whole_image(task.out_of_domain))
        pictures = task.squares(split)
        return self._encode(
            torch.cat([pictures, pictures.flip(3)]) if split == "train" else pictures
        )

    @torch.no_grad()
    def _encode(self, pictures: Tensor) -> np.ndarray:
        s = self.parent.task.patch_size
        tiles = F.pixel_unshuffle(pictures, s)  # (n, s s, H / s, W / s)
        n, _, rows, columns = tiles.shape
        batches = tiles.movedim(1, 3).reshape(-1, 1, s, s).split(TILES)
        codes = torch.cat([self.parent.model.codes(batch) for batch in batches])  # (m, s/p, s/p)
        k = codes.shape[1]
        codes = codes.view(n, rows, columns, k, k).transpose(2, 3)
        return codes.reshape(n, rows * k, columns * k).numpy()


def _neighbours(cells: np.ndarray, width: int, outside: int) -> dict[str, np.ndarray]:
    """Give the cell to the left and the one above of grids that are written row by row, (n, T)."""
    t = np.arange(cells.shape[1])
    inside = {"left": (1, t % width > 0), "above": (width, t >= width)}
    return {k: np.where(m, np.roll(cells, back, 1), outside) for k, (back, m) in inside.items()}
