"""ReRoPE, Leaky ReRoPE and Self-Extend: rotary distances beyond a window are folded into it.

    s_ij = q_i . R(-d_ij) k_j,   d_ij = i - j within the window, i - j < w, and beyond it
    ReRoPE         d_ij = w
    Leaky ReRoPE   d_ij = w + (i - j - w) / k
    Self-Extend    d_ij = floor(i / G) - floor(j / G) + w - floor(w / G)

    R(d)     rotation by d tokens, of any rotary encoding
    w        window, tokens; the yaml says it in training lengths
    k        spacing of far distances; 2 T / N by default: the farthest stays within N at w = N/2
    G        neighbours that share a position; 2 T / N by default, rounded up
    T, N     context length at hand, training length, in tokens

ReRoPE is Leaky ReRoPE for k -> infinity; w >= T, k = 1 or G = 1 change nothing.

Source: Jianlin Su, "Transformer升级之路:12、无限外推的ReRoPE?" (kexue.fm/archives/9708,
2023-08-07) for the first two; Jin et al., "LLM Maybe LongLM: Self-Extend LLM Context Window Without
Tuning" (arXiv 2401.01325).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Position

Pair = tuple[Tensor, Tensor]


class Folded(Position):
    """A rotary position with other positions for far pairs; its scores replace those of rotate."""

    def __init__(self, inner: Any, width: int, far: Callable[[Tensor, Tensor], Pair]):
        super().__init__()
        self.inner = inner
        self.width = width
        self.far = far  # positions of queries and keys for the far scores; one may stand for all

    @property
    def theta(self) -> Tensor:
        """The frequencies, (D/2,) radians per token."""
        return self.inner.theta

    def embed(self, x: Tensor, pos: Tensor) -> Tensor:
        """Embed as the inner position does."""
        return self.inner.embed(x, pos)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor | None:
        """Add what the inner position adds."""
        return self.inner.bias(q, pos_q, pos_k)

    def scores(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give far scores, and in the band that is near to some query its near ones."""
        far_q, far_k = self._rotate_far(q, k, *self.far(pos_q, pos_k))
        scores = far_q @ far_k.mT  # (B, H, R, S)
        start = int((pos_k <= pos_q.min() - self.width).sum())  # keys that are far from all
        pos_band = pos_k[start:]
        near_q, near_k = self.inner.rotate(q, k[:, :, start:], pos_q, pos_band)
        near = pos_q[:, None] - pos_band < self.width  # (R, S - start)
        band = scores[..., start:]
        band.copy_(torch.where(near, near_q @ near_k.mT, band))
        return scores

    def _rotate_far(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Pair:
        far_q, far_k = self.inner.rotate(q, k[:, :, : len(pos_k)], pos_q, pos_k)
        if len(pos_k) == k.shape[2]:
            return far_q, far_k
        # one position for all keys: where it leaves the first as it is, it leaves them all
        same = torch.equal(far_k, k[:, :, :1])
        return far_q, k if same else self.inner.rotate(q[:, :, :1], k, pos_q, pos_k)[1]


def extend(model: Any, *, length: int, train_length: int, window: float) -> Any:
    """Hold all distances beyond the window at w."""
    w = round(window * train_length)

    def far(pos_q: Tensor, pos_k: Tensor) -> Pair:
        return torch.full_like(pos_q[:1], w), torch.zeros_like(pos_k[:1])

    return model.replace(position=Folded(model.position, w, far))


def extend_leaky(
    model: Any,
    *,
    length: int,
    train_length: int,
    window: float,
    k: float | None,
    allow_beyond: bool,
) -> Any:
    """Let distances beyond the window grow k times slower."""
    w = round(window * train_length)
    step = max(1.0, 2 * length / train_length) if k is None else k
    farthest = min(length - 1, w + (length - 1 - w) / step)
    if k is not None and farthest > train_length and not allow_beyond:
        raise ValueError(
            f"extension.leaky_rerope.k={k} leads to a distance of {farthest:.0f} at {length} tokens"
            f" after training on {train_length}; allow_beyond=true asks for it"
        )

    def far(pos_q: Tensor, pos_k: Tensor) -> Pair:
        return (pos_q - w) / step + w, pos_k / step

    return model.replace(position=Folded(model.position, w, far))


def extend_grouped(
    model: Any, *, length: int, train_length: int, window: float, group: int | None
) -> Any:
    """Let G neighbours beyond the window share a position."""
    w = round(window * train_length)
    size = max(1, -(-2 * length // train_length)) if group is None else group

    def far(pos_q: Tensor, pos_k: Tensor) -> Pair:
        return (pos_q // size) + w - w // size, pos_k // size

    return model.replace(position=Folded(model.position, w, far))
