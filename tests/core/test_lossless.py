"""Rates of lossless coders, against what is known of the pixels."""

from io import BytesIO
from math import log2

import numpy as np
import pytest
from PIL import Image

from kexue_pipe.core.lossless import lossless_rates

RNG = np.random.default_rng(0)


def test_noise_costs_its_bits_and_a_constant_nothing():
    noise = lossless_rates(RNG.integers(0, 16, (4, 64, 64), dtype=np.uint8))
    assert noise["order 0"] == pytest.approx(4, abs=0.01)
    assert min(noise[name] for name in ("zlib", "bz2", "xz", "png")) > 3.9
    flat = lossless_rates(np.full((1, 64, 64), 9, np.uint8))
    assert flat["order 0"] == 0 and flat["png"] < 0.5


def test_predicted_planes_leave_no_entropy_inside_of_a_picture():
    planes = np.add.outer(3 * np.arange(32), 2 * np.arange(32))[None].astype(np.uint8)
    rates = lossless_rates(planes)
    # residuals: 2 in the rows below the first, 128 before the first pixel, steps at both edges
    assert rates["median"] < 0.7 < 5 < rates["order 0"]


def test_predictor_is_the_median_of_three_pixel_by_pixel():
    u = RNG.integers(0, 256, (2, 5, 7), dtype=np.uint8).astype(int)
    residuals = []
    for picture in u:
        for i, j in np.ndindex(5, 7):
            left, up = picture[i, j - 1] if j else None, picture[i - 1, j] if i else None
            if left is None or up is None:
                m = 128 if left is up else left if up is None else up
            else:
                m = sorted([left, up, left + up - picture[i - 1, j - 1]])[1]
            residuals.append((picture[i, j] - m) % 256)
    p = np.bincount(residuals) / len(residuals)
    expected = -sum(x * log2(x) for x in p if x)
    assert lossless_rates(u.astype(np.uint8))["median"] == pytest.approx(expected)


def test_files_hold_the_pictures():
    u = RNG.integers(0, 9, (3, 8, 8), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(u.reshape(24, 8)).save(file, "PNG", optimize=True)
    assert lossless_rates(u)["png"] == 8 * len(file.getvalue()) / u.size
