"""Multi-head projections: every query head has keys and values of its own.

    q^h_i = W_q^h x_i,   k^h_i = W_k^h x_i,   v^h_i = W_v^h x_i,   y_i = sum_h W_o^h o^h_i

    x_i, y_i      token before and after, (C,)
    q, k, v, o    query, key, value and mixed value of head h, (D,)
    W             (D, C), and (C, D) for W_o; no biases

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).

Departure: the width of a head does not follow from the width of the model.
"""

from torch import Tensor, nn
from torch.nn.functional import linear

from kexue_pipe.core.attention_parts import Layout


class MultiHead(Layout):
    """One projection to queries, keys and values of all heads, one back."""

    def __init__(self, *, width: int, num_heads: int, head_width: int):
        super().__init__()
        self.num_heads = num_heads
        self.head_width = head_width
        self.qkv = nn.Linear(width, 3 * num_heads * head_width, bias=False)
        self.out = nn.Linear(num_heads * head_width, width, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """Give the queries of every head."""
        weight = self.qkv.weight[: self.num_heads * self.head_width]
        return self._heads(linear(x, weight), 1)[0]

    def compress(self, x: Tensor) -> Tensor:
        """Give the keys and values of every head."""
        return linear(x, self.qkv.weight[self.num_heads * self.head_width :])

    def expand(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Part what is kept into keys and values."""
        k, v = self._heads(kept, 2)
        return k, v

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give queries, keys and values of every head, by one product."""
        q, k, v = self._heads(self.qkv(x), 3)
        return q, k, v

    def _heads(self, joined: Tensor, parts: int) -> tuple[Tensor, ...]:
        B, T, _ = joined.shape
        heads = joined.view(B, T, parts, self.num_heads, self.head_width)
        return tuple(part.transpose(1, 2) for part in heads.unbind(dim=2))  # (B, H, T, D)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def cache_elements_per_token(self) -> int:
        """Count keys and values of all heads: 2 H D."""
        return 2 * self.num_heads * self.head_width
