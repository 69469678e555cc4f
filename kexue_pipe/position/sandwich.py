"""Sandwich: inner products of sinusoidal position vectors, added to the scores.

    s_ij <- s_ij + c_h (p_i . p_j - d/2),    c_h = H / (gamma h),  h = 1 ... H
    p_i = (cos(i theta_m), sin(i theta_m))_m,   theta_m = base^(-2m/d),   m = 1 ... d/2

    s_ij   scaled score of query i and key j
    p_i    position vector, (d,), so that p_i . p_j = sum_m cos((i - j) theta_m)
    d      width of the position vectors, whatever the width of the heads
    gamma  compression of the heads: head 1 forgets fastest, with c_1 = H / gamma

Falls with distance on average only: for d = 128, 235 of the first 512 steps go up.

Source: Chi et al., "Dissecting Transformer Length Extrapolation via the Lens of Receptive Field
Analysis" (arXiv 2212.10356).
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position


class Sandwich(Position):
    """The Gram matrix of sinusoidal positions, scaled per head, not learned."""

    theta: Tensor
    strength: Tensor

    def __init__(self, *, num_heads: int, d_bar: int, base: float, heads_compression: float):
        super().__init__()
        if d_bar % 2:
            raise ValueError(f"d_bar = {d_bar} does not split into pairs of sine and cosine")
        exponent = torch.arange(2, d_bar + 1, 2, dtype=torch.float64) / d_bar
        strength = num_heads / (heads_compression * torch.arange(1, num_heads + 1).double())
        self.register_buffer("theta", base**-exponent, persistent=False)  # (d/2,)
        self.register_buffer("strength", strength, persistent=False)  # (H,)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give c_h (p_i . p_j - d/2), (1, H, T, S)."""
        # float64: float32 angles lose digits at long contexts, and so do sums of d terms
        gram = self._vectors(pos_q) @ self._vectors(pos_k).T  # (T, S)
        penalty = (gram - len(self.theta)).to(q.dtype)
        return self.strength.to(q.dtype)[None, :, None, None] * penalty

    def _vectors(self, pos: Tensor) -> Tensor:
        angle = pos.double()[:, None] * self.theta.double()
        return torch.cat((angle.cos(), angle.sin()), dim=-1)  # (T, d)
