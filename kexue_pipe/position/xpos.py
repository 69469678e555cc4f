"""xPos: rotary embedding whose scores decay with distance, the slow pairs least.

    pair m of q_i <- zeta_m^((i - c) / B) R_i q_i,    pair m of k_j <- zeta_m^((c - j) / B) R_j k_j
    so that pair m of the score carries zeta_m^((i - j) / B)
    zeta_m = (2m/D + gamma) / (1 + gamma),   m = 0 ... D/2 - 1

    gamma    decay of the fastest pair: zeta_0 = gamma / (1 + gamma)
    B        `scale_base` training lengths, tokens per factor zeta
    c        middle of the key positions; it cancels, and keeps both factors small
    theta_m  frequency of the rotation R, radians per token, (D/2,)

Scores decay towards 0 and not towards -inf: this is no local attention.

Source: Sun et al., "A Length-Extrapolatable Transformer" (arXiv 2212.10554); one zeta for all
pairs: Jianlin Su, "Transformer升级之路:7、长度外推性与局部注意力" (kexue.fm/archives/9431,
2023-01-12).

Departures: B is the training length instead of 512 tokens; the shared zeta is the geometric mean
of the others; keys are scaled again when c moves, so a cache would hold them unscaled.
"""

from math import log

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import spectrum, table, turn
from kexue_pipe.core.share import share

_ROOM = 7.0  # nats below the largest number: q.k may be this large without any decay


class Xpos(Position):
    """Rotation of queries and keys that also scales them, up and down along the sequence."""

    theta: Tensor
    decay: Tensor

    def __init__(
        self,
        *,
        head_width: int,
        base: float,
        gamma: float,
        scale_base: float,
        zeta: str,
        train_length: int,
    ):
        super().__init__()
        theta = spectrum(head_width, base)
        level = 2 * torch.arange(head_width // 2, dtype=torch.float64) / head_width
        per_pair = torch.log((level + gamma) / (1 + gamma))
        shared = per_pair.mean().expand_as(per_pair)
        decay = {"per_pair": per_pair, "shared": shared}[zeta] / (scale_base * train_length)
        self.register_buffer("theta", theta, persistent=False)  # (D/2,)
        self.register_buffer("decay", decay, persistent=False)  # (D/2,) <= 0, nats per token

    def with_frequencies(self, theta: Tensor) -> "Xpos":
        """Give the same decay with other frequencies, (D/2,) radians per token."""
        return share(self, theta=theta)

    def rotate(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn queries and keys, and scale them by their places around the middle key."""
        low, high = pos_k.min().double(), pos_k.max().double()
        largest = float((high - low) * self.decay.abs().max())  # of a future key, before the mask
        if largest > log(torch.finfo(q.dtype).max) - _ROOM:
            raise ValueError(
                f"xpos over {float(high - low):.0f} tokens scales scores by e^{largest:.0f}, more "
                f"than {q.dtype} holds; raise position.scale_base, or lower "
                f"task.evaluate.max_factor"
            )
        middle = (low + high) / 2
        return self._scaled(q, pos_q, pos_q - middle), self._scaled(k, pos_k, middle - pos_k)

    def _scaled(self, x: Tensor, pos: Tensor, tokens: Tensor) -> Tensor:
        factor = (tokens.double()[:, None] * self.decay.double()).exp()  # (T, D/2)
        return turn(x, table(pos, self.theta, x.dtype) * factor)
