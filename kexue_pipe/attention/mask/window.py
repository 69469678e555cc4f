"""A causal window: a token sees itself and the w - 1 tokens before it.

    j visible to i   iff   i - w < j <= i

    i, j  token indices of query and key
    w     keys that a query sees; L layers reach back over L (w - 1) tokens

Source: Jianlin Su, "Transformer升级之路:9、一种全局长度外推的新思路" (kexue.fm/archives/9603,
2023-05-12), whose window layers are these.
"""

from torch import Tensor

from kexue_pipe.core.attention_parts import Mask


class Window(Mask):
    """The last w keys."""

    def __init__(self, *, width: int):
        if width < 1:
            raise ValueError(f"window width = {width} hides a token from itself")
        self.width = width
        self.keys_kept = width

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which keys are at most w - 1 tokens back."""
        distance = queries[:, None] - keys
        return (distance >= 0) & (distance < self.width)

    def reach(self, first: int, last: int) -> slice:
        """Give the keys from the first query's window to the last query."""
        return slice(max(0, first - self.width + 1), last + 1)

    def count(self, queries: Tensor) -> Tensor:
        """Count i + 1 keys, at most w."""
        return (queries + 1).clamp(max=self.width)
