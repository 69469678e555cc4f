"""KERPLE, power: a penalty on the scores that grows as a learned power of distance.

    s_ij <- s_ij - r1_h (i - j)^r2_h

    s_ij    scaled score of query i and key j
    r1, r2  strength and exponent of head h, (H,) each, learned, at least 0.01, r2 at most 2;
            U(0, 1) and U(0, 2) at the start; shared by all layers

r2 = 1 is ALiBi with slope r1. In training the parameters themselves are clamped before each use,
not mapped through a bounded function: at a bound they keep their gradient.

Source: Chi et al., "KERPLE: Kernelized Relative Positional Embedding for Length Extrapolation"
(arXiv 2205.09921); the distributions and the bounds are those of its released code.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position

_LEAST, _STEEPEST = 0.01, 2.0


class KerplePower(Position):
    """Power-law distance penalties with two learned numbers per head."""

    def __init__(self, *, num_heads: int):
        super().__init__()
        self.r1 = nn.Parameter(torch.ones(num_heads))
        self.r2 = nn.Parameter(torch.ones(num_heads))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw r1 from U(0, 1) and r2 from U(0, 2)."""
        r1, r2 = torch.rand(2, len(self.r1), generator=generator)
        self.r1.copy_(r1)
        self.r2.copy_(2 * r2)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give -r1 (i - j)^r2, (1, H, T, S), zero for keys in the future."""
        if self.training:
            # .data: an earlier layer may have saved the parameter for its backward pass
            self.r1.data.clamp_(min=_LEAST)
            self.r2.data.clamp_(_LEAST, _STEEPEST)
        r1 = self.r1.clamp(min=_LEAST)[:, None, None]  # (H, 1, 1)
        r2 = self.r2.clamp(_LEAST, _STEEPEST)[:, None, None]
        distance = (pos_q[:, None] - pos_k).clamp(min=0).to(r1.dtype)  # (T, S)
        # pow and not exp(r2 ln n), whose gradient is NaN at distance 0
        return (-r1 * distance.pow(r2))[None].to(q.dtype)
