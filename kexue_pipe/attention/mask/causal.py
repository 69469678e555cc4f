"""The causal mask: a token sees itself and all tokens before it.

    j visible to i   iff   j <= i

    i, j  token indices of query and key

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).
"""

from torch import Tensor

from kexue_pipe.core.attention_parts import Mask


class Causal(Mask):
    """Every key up to the query's own."""

    is_causal = True

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which keys are not in a query's future."""
        return keys <= queries[:, None]

    def reach(self, first: int, last: int) -> slice:
        """Give all keys up to the last query."""
        return slice(0, last + 1)

    def count(self, queries: Tensor) -> Tensor:
        """Count i + 1 keys."""
        return queries + 1
