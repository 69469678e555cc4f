"""A window at test time: each token sees the last W keys, at most as many as in training.

    j visible to i   iff   visible in training and i - j < W

    i, j  token indices of query and key
    W     keys that a query sees, N by default

Neither distances nor numbers of keys are new to the model; through L layers it still reaches back
L (W - 1) tokens. A window that was trained with is only ever narrowed.

Source: the "super strong baseline" of Jianlin Su, "Transformer升级之路:7、长度外推性与局部注意力"
(kexue.fm/archives/9431, 2023-01-12).
"""

from typing import Any

from torch import Tensor

from kexue_pipe.core.attention_parts import Mask


class Narrowed(Mask):
    """A mask, and a window over it."""

    def __init__(self, mask: Mask, width: int):
        self.mask = mask
        self.width = width
        self.keys_kept = width if mask.keys_kept is None else min(width, mask.keys_kept)

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which keys both the mask and the window show."""
        return self.mask.visible(queries, keys) & (queries[:, None] - keys < self.width)

    def reach(self, first: int, last: int) -> slice | Tensor:
        """Give the keys that both may show."""
        keys, start = self.mask.reach(first, last), first - self.width + 1
        if isinstance(keys, slice):
            return slice(max(keys.start, start), keys.stop)
        return keys[keys >= start]


def extend(model: Any, *, length: int, train_length: int, width: int | None) -> Any:
    """Narrow the mask of every layer to W keys."""
    width = train_length if width is None else width
    if length <= width:  # the window shows everything
        return model
    attentions = [a.replace(mask=Narrowed(a.mask, width)) for a in model.attentions]
    return model.replace(attentions=attentions)
