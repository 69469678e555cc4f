"""KERPLE, logarithmic: a penalty on the scores that grows with the logarithm of distance.

    s_ij <- s_ij - r1_h ln(1 + r2_h (i - j)),   that is   exp(s_ij) <- exp(s_ij) (1 + r2 n)^(-r1)

    s_ij    scaled score of query i and key j, n = i - j >= 0
    r1, r2  strength, and steepness per token, of head h, (H,) each, learned, at least 0.01;
            U(0, 2) and U(0, 1) at the start; shared by all layers

r2 -> 0 at r1 r2 = m is ALiBi with slope m. In training the parameters themselves are clamped
before each use, not mapped through a positive function: at the bound they keep their gradient.

Source: Chi et al., "KERPLE: Kernelized Relative Positional Embedding for Length Extrapolation"
(arXiv 2205.09921); the distributions and the bound are those of its released code.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position

_LEAST = 0.01


class KerpleLog(Position):
    """Logarithmic distance penalties with two learned numbers per head."""

    def __init__(self, *, num_heads: int):
        super().__init__()
        self.r1 = nn.Parameter(torch.ones(num_heads))
        self.r2 = nn.Parameter(torch.ones(num_heads))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw r1 from U(0, 2) and r2 from U(0, 1)."""
        r1, r2 = torch.rand(2, len(self.r1), generator=generator)
        self.r1.copy_(2 * r1)
        self.r2.copy_(r2)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give -r1 ln(1 + r2 (i - j)), (1, H, T, S), zero for keys in the future."""
        if self.training:
            # .data: an earlier layer may have saved the parameter for its backward pass
            self.r1.data.clamp_(min=_LEAST)
            self.r2.data.clamp_(min=_LEAST)
        r1, r2 = (r.clamp(min=_LEAST)[:, None, None] for r in (self.r1, self.r2))  # (H, 1, 1)
        distance = (pos_q[:, None] - pos_k).clamp(min=0).to(r1.dtype)  # (T, S)
        return (-r1 * (r2 * distance).log1p())[None].to(q.dtype)
