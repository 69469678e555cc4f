"""Rotary position embedding: queries and keys turn by their position, scores see the distance.

    q_i <- R_i q_i,  k_j <- R_j k_j   so that   (R_i q_i) . (R_j k_j) = q_i . R_{j-i} k_j
    R_i turns channel 2m towards channel 2m + 1 by the angle i theta_m,  theta_m = base^(-2m/D)

    q_i, k_j  query and key, (D,)
    theta_m   frequency, radians per token, (D/2,)
    base      ratio that spaces the frequencies, geometrically

Source: Jianlin Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding"
(arXiv 2104.09864).

Whatever gives `rotation` has `theta` and `with_frequencies`; context extensions use these two.
"""

from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import rotate, spectrum
from kexue_pipe.core.share import share


class Rope(Position):
    """Rotation of queries and keys."""

    theta: Tensor

    def __init__(self, *, head_width: int, base: float):
        super().__init__()
        # not persistent: loading a checkpoint must not undo a change of frequencies
        self.register_buffer("theta", spectrum(head_width, base), persistent=False)  # (D/2,)

    def with_frequencies(self, theta: Tensor) -> "Rope":
        """Give the same encoding with other frequencies, (D/2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions."""
        return rotate(q, k, pos_q, pos_k, self.theta)
