"""How many bits per pixel coders need that lose nothing: what every quantizer falls short of.

    order 0    H(u)
    median     H(u - m mod 256),  m = median(left, up, left + up - corner)
    zlib, bz2, xz, png   bits of the file / pixels

u (n, h, w) are grey values in 0 ... 255 of n pictures, which stand below each other for the coders
of files; H is the entropy of the frequencies in u itself, whose table is not paid for. m predicts a
pixel from the three before it, across no edge of a picture: there it is the one neighbour, and 128
for the first pixel.

Source: the post 闭门造车之多模态思路浅谈（一） (2024-02-21), on what codes of images lose; the
predictor of Weinberger, Seroussi, Sapiro, "The LOCO-I Lossless Image Compression Algorithm" (2000).
"""

import bz2
import lzma
import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def lossless_rates(u: np.ndarray) -> dict[str, float]:
    """Give bits per pixel by name of the coder, for pictures (n, h, w) of 8 bits."""
    flat = u.tobytes()
    files = {
        "zlib": zlib.compress(flat, 9),
        "bz2": bz2.compress(flat, 9),
        "xz": lzma.compress(flat, preset=9),
        "png": _png(u.reshape(-1, u.shape[2])),
    }
    entropies = {"order 0": _entropy(u), "median": _entropy(u - _predicted(u))}
    return entropies | {name: 8 * len(file) / u.size for name, file in files.items()}


def _predicted(u: np.ndarray) -> np.ndarray:
    padded = np.full((len(u), u.shape[1] + 1, u.shape[2] + 1), 128, np.int16)
    padded[:, 1:, 1:] = u
    padded[:, 2:, 0] = u[:, :-1, 0]  # beyond the left edge stands what is above
    padded[:, 0, 2:] = u[:, 0, :-1]  # and beyond the upper edge what is left
    left, up, corner = padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1]
    return np.median([left, up, left + up - corner], axis=0).astype(np.uint8)


def _entropy(u: np.ndarray) -> float:
    p = np.bincount(u.ravel(), minlength=256) / u.size
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def _png(u: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(u).save(file, "PNG", optimize=True)
    return file.getvalue()
