"""How well an autoencoder reconstructs, and how it uses its codes.

    squared_error = sum (x - dec(q))^2,   squared_error_bypass = sum (x - dec(z_in))^2

q (N, D) are the hard values of the codes and z_in the vectors before rounding; their difference is
what quantisation costs. PSNR = 10 log10(4 n_pixels / squared_error) in dB, for pixels in [-1, 1].
Read are the fixed test tiles of each photograph, and the whole out-of-domain photograph, cut into
tiles of the same size: GroupNorm takes its mean over the picture it is given, and over a picture of
512 x 512 pixels it is another one than in training (25 dB instead of 35 without a quantizer).

Code usage is counted over all tokens of a split, for the joint code and, where the code has several
factors, for each digit: digit_i = index // prod_{j<i} L_j mod L_i.

Source: the metrics of "Finite Scalar Quantization: VQ-VAE Made Simple" (2309.15505).
"""

from io import BytesIO
from math import inf, log2, prod
from typing import Any, Protocol

import polars as pl
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.code_usage import code_usage
from kexue_pipe.core.tables import TABLES
from kexue_pipe.model.autoencoder import Autoencoder

CROP = (slice(64, 192), slice(176, 304))  # rows and columns of the picture that is shown
BATCH = 256  # tiles reconstructed at once


class Photographs(Protocol):
    """What this evaluation asks of a task."""

    patch_size: int  # s, side of a tile, pixels
    out_of_domain: str

    def images(self, split: str) -> dict[str, Tensor]:
        """Give tiles (n, 1, s, s) by name of the photograph."""
        ...

    def whole_image(self, name: str) -> Tensor:
        """Give a whole photograph (1, 1, h, w)."""
        ...


@torch.no_grad()
def evaluate(
    *,
    model: Autoencoder,
    task: Photographs,
    settings: dict[str, Any],
) -> dict[str, pl.DataFrame]:
    """Give the tables `reconstruction` and `codes`."""
    model.eval()
    name = task.out_of_domain
    whole = task.whole_image(name)
    side = task.patch_size
    rows, indices = [], []
    for image, tiles in task.images("test").items():
        row, index, _ = _reconstruct(model, tiles)
        rows.append({"split": "test", "image": image, **row, "png": None})
        indices.append(index)
    tiles = F.pixel_unshuffle(whole, side)  # (1, s s, h / s, w / s)
    row, index, pictures = _reconstruct(model, tiles.flatten(2).mT.reshape(-1, 1, side, side))
    picture = F.pixel_shuffle(pictures.reshape(-1, side**2).T.reshape(tiles.shape), side)
    rows.append({"split": name, "image": name, **row, "png": _png(picture)})
    # the picture itself, so that the report can show it beside its reconstructions
    exact = {"n_tokens": 0, "bits_nominal": inf, "squared_error": 0.0, "squared_error_bypass": 0.0}
    row = {"split": "original", "image": f"{name} (original)", "n_pixels": whole.numel(), **exact}
    rows.append({**row, "png": _png(whole)})
    codes = [*_usage(model, "test", torch.cat(indices)), *_usage(model, name, index)]
    return {"reconstruction": _frame("reconstruction", rows), "codes": _frame("codes", codes)}


def _reconstruct(model: Autoencoder, images: Tensor) -> tuple[dict[str, Any], Tensor, Tensor]:
    """Reconstruct pictures (n, 1, s, s); give a row, the codes (N,) and the pictures."""
    device = next(model.parameters()).device
    generator = torch.Generator(device)  # evaluation mode draws nothing from it
    error = bypass = 0.0
    indices, pictures = [], []
    for x in images.to(device).split(BATCH):
        out = model.quantise(x, generator)
        picture = model.decode(out.q, x)
        error += float((x - picture).double().square().sum())
        bypass += float((x - model.decode(out.z_in, x)).double().square().sum())
        indices.append(out.index)
        pictures.append(picture.cpu())
    index = torch.cat(indices)
    num_codes = model.quantizer.num_codes
    row = {
        "n_pixels": images.numel(),
        "n_tokens": len(index),
        "bits_nominal": log2(num_codes) if num_codes else inf,
        "squared_error": error,
        "squared_error_bypass": bypass,
    }
    return row, index, torch.cat(pictures)


def _usage(model: Autoencoder, split: str, index: Tensor) -> list[dict[str, Any]]:
    """Count the joint code and, where it has several factors, each digit."""
    books = {"joint": (model.quantizer.num_codes, index)}
    digits = model.quantizer.digits
    if len(digits) > 1:
        for i, size in enumerate(digits):
            books[str(i)] = (size, index // prod(digits[:i]) % size)
    if not model.quantizer.num_codes:
        return []
    return [
        {
            "split": split,
            "level": level,
            "num_codes": size,
            "n_tokens": len(book),
            **code_usage(torch.bincount(book, minlength=size))._asdict(),
        }
        for level, (size, book) in books.items()
    ]


def _png(picture: Tensor) -> bytes:
    """Encode the fixed crop of a picture (1, 1, h, w) as a grey image of 8 bits."""
    grey = ((picture[0, 0].clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    file = BytesIO()
    Image.fromarray(grey[CROP]).save(file, "PNG", optimize=True)
    return file.getvalue()


def _frame(kind: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {k: v for k, v in TABLES[kind].schema.items() if k not in ("variant", "seed")}
    return pl.DataFrame(rows, schema=schema, orient="row")
