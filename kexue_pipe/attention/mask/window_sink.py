"""A causal window and the first tokens: a token sees the last w tokens and the m sinks.

    j visible to i   iff   j <= i  and  (i - j < w  or  j < m)

    i, j  token indices of query and key
    w     last keys that a query sees, its own included
    m     first keys that every query sees, the sinks

Source: Xiao et al., "Efficient Streaming Language Models with Attention Sinks"
(arXiv 2309.17453), where m = 4.

Departure: positions stay those of the text, and are not counted anew within the kept keys.
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Mask


class WindowSink(Mask):
    """The last w keys and the first m."""

    def __init__(self, *, width: int, num_sinks: int):
        if width < 1:
            raise ValueError(f"window width = {width} hides a token from itself")
        self.width = width
        self.num_sinks = num_sinks
        self.keys_kept = width + num_sinks

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which keys are sinks or at most w - 1 tokens back, and not in the future."""
        distance = queries[:, None] - keys
        return (distance >= 0) & ((distance < self.width) | (keys < self.num_sinks))

    def reach(self, first: int, last: int) -> slice | Tensor:
        """Give the sinks, and the keys from the first query's window to the last query."""
        start = first - self.width + 1
        if start <= self.num_sinks:
            return slice(0, last + 1)
        return torch.cat((torch.arange(self.num_sinks), torch.arange(start, last + 1)))

    def count(self, queries: Tensor) -> Tensor:
        """Count i + 1 keys, at most w + m."""
        return (queries + 1).clamp(max=self.width + self.num_sinks)
