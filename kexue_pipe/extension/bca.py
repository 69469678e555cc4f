"""Blockwise causal attention: each token sees its own block of tokens and the one before.

    j visible to i   iff   visible in training and floor(i / b) - floor(j / b) <= 1

    i, j  token indices of query and key
    b     tokens of a block, N/2 by default, so that at most N keys are seen

Source: Sun et al., "A Length-Extrapolatable Transformer" (arXiv 2212.10554).
"""

from typing import Any

from torch import Tensor

from kexue_pipe.core.attention_parts import Mask


class Blockwise(Mask):
    """A mask, and blocks over it."""

    def __init__(self, mask: Mask, width: int):
        self.mask = mask
        self.width = width
        kept = 2 * width
        self.keys_kept = kept if mask.keys_kept is None else min(kept, mask.keys_kept)

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which keys both the mask and the blocks show."""
        near = (queries // self.width)[:, None] - keys // self.width <= 1
        return self.mask.visible(queries, keys) & near

    def reach(self, first: int, last: int) -> slice | Tensor:
        """Give the keys that both may show."""
        keys, start = self.mask.reach(first, last), (first // self.width - 1) * self.width
        if isinstance(keys, slice):
            return slice(max(keys.start, start), keys.stop)
        return keys[keys >= start]


def extend(model: Any, *, length: int, train_length: int, width: int | None) -> Any:
    """Narrow the mask of every layer to two blocks."""
    width = max(1, train_length // 2) if width is None else width
    if length <= 2 * width:  # two blocks are everything
        return model
    attentions = [a.replace(mask=Blockwise(a.mask, width)) for a in model.attentions]
    return model.replace(attentions=attentions)
