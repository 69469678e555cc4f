"""Passing a gradient through a hard choice: the plain estimator, and what all estimators answer."""

from typing import Protocol

import torch
from torch import Tensor


class Estimator(Protocol):
    """How the gradient at a quantised value reaches the vector that was quantised."""

    trains_table: bool  # the gradient also moves the row, so that no auxiliary loss is needed

    def __call__(self, z: Tensor, q: Tensor, generator: torch.Generator, training: bool) -> Tensor:
        """Give what the decoder sees, from vectors z and rows q, both (N, D) with gradient.

        Outside of training it is exactly q.
        """
        ...


def straight_through(z: Tensor, q: Tensor) -> Tensor:
    """Give exactly the value q; the gradient goes to z unchanged and does not reach q."""
    return q.detach() + (z - z.detach())
