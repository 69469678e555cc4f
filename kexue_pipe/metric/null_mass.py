"""The mass that an attention row gives to no key.

Formula: 1 - sum_j a_j: 0 for softmax, positive for softmax with a one or a learned sink in the sum.
Symbols: a (B, H, R, S) coefficients of the visible keys.
Source: Miller, Attention Is Off By One (evanmiller.org, 2023-07-24).
Departures: a row with a negative coefficient, or with a sum above one, has no null mass: NaN.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import coefficients, visible_keys

ROUNDING = 1e-4  # of a float32 sum over 65536 keys


def null_mass(block: RowBlock) -> Tensor:
    """Compute one minus the sum of each row of a sub-stochastic kind, (B, H, R)."""
    a = coefficients(block)
    total = a.sum(-1)
    defined = (a >= 0).all(-1) & (total <= 1 + ROUNDING) & (visible_keys(block) >= 2)
    return (1 - total).clamp(min=0.0).masked_fill(~defined, torch.nan)
