"""Multi-query projections: all query heads share the keys and values of one head.

    q^h_i = W_q^h x_i,   k_i = W_k x_i,   v_i = W_v x_i,   y_i = sum_h W_o^h o^h_i

    x_i, y_i      token before and after, (C,)
    q, k, v, o    query of head h, shared key and value, mixed value of head h, (D,)
    W             (D, C), and (C, D) for W_o; no biases

Source: Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need" (arXiv 1911.02150).
"""

from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Layout


class MultiQuery(Layout):
    """A projection to the queries of all heads, and one to a single key and value."""

    def __init__(self, *, width: int, num_heads: int, head_width: int):
        super().__init__()
        self.num_heads = num_heads
        self.head_width = head_width
        self.query = nn.Linear(width, num_heads * head_width, bias=False)
        self.key_value = nn.Linear(width, 2 * head_width, bias=False)
        self.out = nn.Linear(num_heads * head_width, width, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """Give the queries of every head."""
        return self.query(x).unflatten(2, (self.num_heads, self.head_width)).transpose(1, 2)

    def compress(self, x: Tensor) -> Tensor:
        """Give the key and the value."""
        return self.key_value(x)

    def expand(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give the same key and value for all heads."""
        k, v = kept[:, None].expand(-1, self.num_heads, -1, -1).chunk(2, dim=-1)
        return k, v  # (B, H, S, D)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def cache_elements_per_token(self) -> int:
        """Count one key and one value: 2 D."""
        return 2 * self.head_width
