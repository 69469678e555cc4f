"""How well an autoencoder reconstructs, and how it uses its codes.

    squared_error = sum (x - dec(q))^2,   squared_error_bypass = sum (x - dec(z_in))^2

q (N, D) are the hard values of the codes and z_in the vectors before rounding; their difference is
what quantisation costs. Where the code is a distribution, a sample of it stands for q and its mean
for z_in, and its divergence is the rate. PSNR = 10 log10(4 n_pixels / squared_error) in dB, for
pixels in [-1, 1]. Read are the fixed test tiles of each picture and, where the task has one, a
whole picture from elsewhere, cut into tiles of the same size: GroupNorm takes its mean over the
picture it is given, and over a picture of 512 x 512 pixels it is another one than in training
(25 dB instead of 35 without a quantizer).

Code usage is counted over all tokens of a split, for the joint code and, where the code has several
factors, for each digit: digit_i = index // prod_{j<i} L_j mod L_i. Beside it stand the rates of
lossless coders of the same pixels (`levels`), what happens to latents (`latents`) and, where
pictures have labels, how well these can be read off (`levels`).

Source: the metrics of "Finite Scalar Quantization: VQ-VAE Made Simple" (2309.15505).
"""

from io import BytesIO
from math import inf, log, log2
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.code_usage import code_usage
from kexue_pipe.core.digits import split as factors
from kexue_pipe.core.lossless import lossless_rates
from kexue_pipe.core.tables import TABLES
from kexue_pipe.model.autoencoder import Autoencoder
from kexue_pipe.model.label_probe import label_probe
from kexue_pipe.model.latent_gap import latent_gap

BATCH = 256  # tiles reconstructed at once
SAMPLE = 512  # test tiles whose latents and gradients are compared


class Pictures(Protocol):
    """What this evaluation asks of a task."""

    train_length: int  # N, tokens of a tile
    patch_size: int  # s, side of a tile, pixels
    out_of_domain: str | None  # name of a whole picture that is in no split
    crop: tuple[slice, ...]  # its rows and columns that are shown; (): all
    white: int | None  # white (x + 1) / 2 is whole, and lossless coders can read it; None: is not

    def images(self, split: str) -> dict[str, Tensor]:
        """Give tiles (n, 1, s, s) by name of the picture."""
        ...

    def whole_image(self, name: str) -> Tensor:
        """Give a whole picture (1, 1, h, w)."""
        ...


@torch.no_grad()
def evaluate(
    *,
    model: Autoencoder,
    task: Pictures,
    settings: dict[str, Any],
) -> dict[str, pl.DataFrame]:
    """Give the tables `reconstruction`, `codes`, `levels` and `latents`."""
    model.eval()
    images = task.images("test")
    rows, indices = [], []
    for image, tiles in images.items():
        row, index, _ = _reconstruct(model, tiles)
        rows.append({"split": "test", "image": image, **row, "png": None})
        indices.append(index)
    every = torch.cat([*images.values()])
    codes = _usage(model, "test", torch.cat(indices))
    shown = {"test": every}
    if task.out_of_domain is not None:
        name, side = task.out_of_domain, task.patch_size
        whole = task.whole_image(name)
        squares = F.pixel_unshuffle(whole, side)  # (1, s s, h / s, w / s)
        row, index, tiles = _reconstruct(model, squares.flatten(2).mT.reshape(-1, 1, side, side))
        picture = F.pixel_shuffle(tiles.reshape(-1, side**2).T.reshape(squares.shape), side)
        rows += [
            {"split": name, "image": name, **row, "png": _png(picture, task.crop)},
            {**_original(name, whole), "png": _png(whole, task.crop)},
        ]
        codes += _usage(model, name, index)
        shown[name] = whole
    tokens = {"length": task.train_length, "accuracy": None}
    levels = [
        {"stream": name, **tokens, "level": coder, "loss": rate * log(2.0)}
        for name, x in shown.items()
        for coder, rate in (lossless_rates(_grey(x, task.white)) if task.white else {}).items()
    ]
    levels += label_probe(model, task)
    sample = every[:: -(-len(every) // SAMPLE)].to(next(model.parameters()).device)
    latents = [{"split": "test", **latent_gap(model, sample)}]
    tables = {"reconstruction": rows, "codes": codes, "levels": levels, "latents": latents}
    return {kind: _frame(kind, found) for kind, found in tables.items()}


def _reconstruct(model: Autoencoder, images: Tensor) -> tuple[dict[str, Any], Tensor, Tensor]:
    """Reconstruct pictures (n, 1, s, s); give a row, the codes (N,) and the pictures."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(0)  # of samples; codes draw nothing from it
    error = bypass = nats = 0.0
    indices, pictures = [], []
    for x in images.to(device).split(BATCH):
        out = model.quantise(x, generator)
        picture = model.decode(out.q if out.sample is None else out.sample, x)
        error += float((x - picture).double().square().sum())
        bypass += float((x - model.decode(out.z_in, x)).double().square().sum())
        nats += out.stats.get("kl", inf) * len(out.index)
        indices.append(out.index)
        pictures.append(picture.cpu())
    index = torch.cat(indices)
    num_codes = model.quantizer.num_codes
    row = {
        "n_pixels": images.numel(),
        "n_tokens": len(index),
        "bits_nominal": log2(num_codes) if num_codes else nats / len(index) / log(2.0),
        "squared_error": error,
        "squared_error_bypass": bypass,
    }
    return row, index, torch.cat(pictures)


def _original(name: str, whole: Tensor) -> dict[str, Any]:
    """Give the row of the picture itself, which the report shows beside its reconstructions."""
    exact = {"n_tokens": 0, "bits_nominal": inf, "squared_error": 0.0, "squared_error_bypass": 0.0}
    return {"split": "original", "image": f"{name} (original)", "n_pixels": whole.numel(), **exact}


def _usage(model: Autoencoder, split: str, index: Tensor) -> list[dict[str, Any]]:
    """Count the joint code and, where it has several factors, each digit."""
    books = {"joint": (model.quantizer.num_codes, index)}
    digits = model.quantizer.digits
    if len(digits) > 1:
        parts = zip(digits, factors(index, digits), strict=True)
        books |= {str(i): part for i, part in enumerate(parts)}
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


def _png(picture: Tensor, crop: tuple[slice, ...]) -> bytes:
    """Encode the crop of a picture (1, 1, h, w) as a grey image of 8 bits."""
    file = BytesIO()
    Image.fromarray(_grey(picture, 255)[0][crop]).save(file, "PNG", optimize=True)
    return file.getvalue()


def _grey(pictures: Tensor, white: int) -> np.ndarray:
    """Give 8 bits of pictures, (n, 1, h, w) -> (n, h, w) in 0 ... white."""
    return ((pictures[:, 0].clamp(-1, 1) + 1) * (white / 2)).round().byte().numpy()


def _frame(kind: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {k: v for k, v in TABLES[kind].schema.items() if k not in ("variant", "seed")}
    return pl.DataFrame(rows, schema=schema, orient="row")
