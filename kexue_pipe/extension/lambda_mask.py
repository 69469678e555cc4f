"""Lambda mask: each token sees the first tokens of the context and a window of the last ones.

    j visible to i   iff   visible in training and (j < n_s or i - j < W - n_s)

    i, j  token indices of query and key
    n_s   first tokens that stay visible, the sinks
    W     keys that a query sees, N by default

The distance to a sink is i - j (original), min(i - j, W - 1) (clamp), or that within a cache that
holds the sinks and the window, min(i, W - 1) - j (cache).

Source: Han et al., "LM-Infinite: Zero-Shot Extreme Length Generalization for Large Language Models"
(arXiv 2308.16137) for clamp; Xiao et al., "Efficient Streaming Language Models with Attention
Sinks" (arXiv 2309.17453) for cache.

Departure: LM-Infinite clamps at N, here at the largest distance that occurs among W tokens.
"""

from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Mask
from kexue_pipe.core.contracts import Position


class Lambda(Mask):
    """A mask, and a window with sinks over it."""

    def __init__(self, mask: Mask, width: int, num_sinks: int):
        self.mask = mask
        self.window = width - num_sinks
        self.num_sinks = num_sinks
        self.keys_kept = width if mask.keys_kept is None else min(width, mask.keys_kept)

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which keys the mask shows, and the sinks or the window."""
        shown = (keys < self.num_sinks) | (queries[:, None] - keys < self.window)
        return self.mask.visible(queries, keys) & shown

    def reach(self, first: int, last: int) -> slice | Tensor:
        """Give the sinks and the keys of the window."""
        keys, start = self.mask.reach(first, last), first - self.window + 1
        if isinstance(keys, slice):
            if start <= self.num_sinks:
                return keys
            sinks = torch.arange(keys.start, max(keys.start, min(keys.stop, self.num_sinks)))
            return torch.cat((sinks, torch.arange(max(keys.start, start), keys.stop)))
        return keys[(keys < self.num_sinks) | (keys >= start)]


class NearSinks(Position):
    """A rotary position in which the sinks stay within W tokens.

    `scores` stands for both, so `rotate` and `key_bias` of the inner position are not passed on.
    """

    def __init__(self, inner: Any, width: int, num_sinks: int, in_cache: bool):
        super().__init__()
        self.inner = inner
        self.width = width
        self.num_sinks = num_sinks
        self.in_cache = in_cache

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
        """Give the rotary scores, with nearer positions for the sinks."""
        near_q, near_k = self.inner.rotate(q, k, pos_q, pos_k)
        scores = near_q @ near_k.mT  # (B, H, R, S)
        pos_sinks = pos_k[: int((pos_k < self.num_sinks).sum())]
        sinks = scores[..., : len(pos_sinks)]
        limit = pos_q.clamp(max=self.width - 1)
        # a distance of W - 1 is that of a query there and a key at 0
        far_k = pos_sinks if self.in_cache else torch.zeros_like(pos_sinks)
        far_q, far_k = self.inner.rotate(q, k[:, :, : len(pos_sinks)], limit, far_k)
        beyond = pos_q[:, None] - pos_sinks >= (0 if self.in_cache else self.width)
        sinks.copy_(torch.where(beyond, far_q @ far_k.mT, sinks))
        return scores


def extend(
    model: Any,
    *,
    length: int,
    train_length: int,
    width: int | None,
    num_sinks: int,
    sinks: str,
) -> Any:
    """Narrow the mask of every layer to W keys, the first ones among them."""
    width = train_length if width is None else width
    if num_sinks >= width:
        raise ValueError(f"extension.lambda_mask.num_sinks={num_sinks} leaves no window of {width}")
    if length <= width:  # the window shows everything
        return model
    attentions = [a.replace(mask=Lambda(a.mask, width, num_sinks)) for a in model.attentions]
    model = model.replace(attentions=attentions)
    if sinks == "original":
        return model
    near = NearSinks(model.position, width, num_sinks, sinks == "cache")
    return model.replace(position=near)
