"""Rotary position embedding: queries and keys turn by their position, scores see the distance.

    q_i <- R_i q_i,  k_j <- R_j k_j   so that   (R_i q_i) . (R_j k_j) = q_i . R_{j-i} k_j
    R_i turns channel m towards channel m + D/2 by the angle i theta_m,  theta_m = base^(-2m/D)

    q_i, k_j  query and key, (D,)
    theta_m   frequency, radians per token, (D/2,)
    base      ratio that spaces the frequencies, geometrically

Source: Jianlin Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding"
(arXiv 2104.09864).

Departure: pairs are (m, m + D/2), as in Llama, and not (2m, 2m + 1): a permutation of channels.

Whatever gives `rotation` has `theta` and `with_frequencies`; context extensions use these two.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.share import share


class Rope(Position):
    """Rotation of queries and keys, half-split layout."""

    theta: Tensor

    def __init__(self, *, head_width: int, base: float):
        super().__init__()
        if head_width % 2:
            raise ValueError(f"head_width = {head_width} does not split into pairs of channels")
        exponent = torch.arange(0, head_width, 2, dtype=torch.float64) / head_width
        # not persistent: loading a checkpoint must not undo a change of frequencies
        self.register_buffer("theta", base**-exponent, persistent=False)  # (D/2,)

    def with_frequencies(self, theta: Tensor) -> "Rope":
        """Give the same encoding with other frequencies, (D/2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions."""
        table_q = self._table(pos_q, q.dtype)
        table_k = table_q if pos_k is pos_q else self._table(pos_k, k.dtype)
        return _turn(q, *table_q), _turn(k, *table_k)

    def _table(self, pos: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        # float64: in bfloat16 an angle is off by 0.7 rad at position 4096
        angle = pos.double()[:, None] * self.theta.double()  # (T, D/2)
        cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
        return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)  # (T, D)


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    # (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin)
    return torch.addcmul(x.roll(x.shape[-1] // 2, dims=-1) * sin, x, cos)
