"""How evenly a code book is used, from the counts of its codes.

    H = -sum_k p_k ln p_k,  H_mm = H + (used - 1) / (2 n)      [nats]

p_k = c_k / n with counts c (K,) that sum to n; `used` counts the codes with c_k > 0, `used_1pct`
those with p_k > 0.01 / K, which one stray token of many does not make. The plug-in entropy H is too
low on few tokens; the Miller-Madow term removes the first order of that bias.

Source: Miller, "Note on the bias of information estimates" (1955).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class CodeUsage(NamedTuple):
    """The use of one code book."""

    used: int
    used_1pct: int
    entropy: float
    entropy_mm: float


def code_usage(counts: Tensor) -> CodeUsage:
    """Count the used codes and give their entropy, both with and without the correction."""
    n = int(counts.sum())
    used = int((counts > 0).sum())
    p = counts.double() / n
    used_1pct = int((p > 0.01 / len(p)).sum())
    entropy = float(-torch.special.xlogy(p, p).sum())
    return CodeUsage(used, used_1pct, entropy, entropy + (used - 1) / (2 * n))
