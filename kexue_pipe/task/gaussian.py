"""Reconstruct independent Gaussian numbers, for which the best error at any rate is known.

    x ~ N(0, sigma^2),   D(R) = sigma^2 2^{-2 R}

x (B, 1, s, s) are pictures of s x s independent numbers, s = sqrt(N) p, for N tokens a picture that
each stand for p x p numbers; R is the rate in bits per number. No code of that rate has a smaller
mean squared error than D, whatever its length, so the distance to it is what a quantizer and its
autoencoder lose; long blocks alone could reach it. At p = 2 a book of K codes has log2(K) / 4 bits.

Source: Shannon, "Coding Theorems for a Discrete Source with a Fidelity Criterion" (1959).
"""

from math import isqrt

import numpy as np
import torch
from torch import Tensor

from kexue_pipe.core.contracts import Batch, sample_rng

TEST = 2048  # test pictures


class Gaussian:
    """Pictures of independent numbers."""

    name = "gaussian"
    data_hash = ""
    chance = None
    solved_at = None
    white = None
    out_of_domain = None
    crop = ()

    def __init__(self, *, train_length: int, token_size: int, sigma: float) -> None:
        self.train_length, self.token_size, self.sigma = train_length, token_size, sigma
        self.patch_size = isqrt(train_length) * token_size
        if isqrt(train_length) ** 2 != train_length:
            raise ValueError(f"train_length={train_length} tokens form no square")

    def batch(self, split: str, seed: int, index: int, size: int) -> Batch:
        """Give pictures index * size ... (index + 1) * size - 1 of a split."""
        rngs = (sample_rng(self.name, split, seed, index * size + i) for i in range(size))
        shape = (1, self.patch_size, self.patch_size)
        numbers = np.stack([rng.standard_normal(shape, np.float32) for rng in rngs])
        images = self.sigma * torch.from_numpy(numbers)
        return Batch(images, images)

    def images(self, split: str) -> dict[str, Tensor]:
        """Give the fixed pictures (n, 1, s, s) of a split, the same for all seeds."""
        return {self.name: self.batch(split, 0, 0, TEST).inputs}

    def whole_image(self, name: str) -> Tensor:
        """Refuse: there is no picture but those of the splits."""
        raise ValueError(f"task=gaussian has no picture `{name}`")
