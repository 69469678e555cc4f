"""Grouped-query projections: consecutive query heads share the keys and values of one head.

    q^h_i = W_q^h x_i,   k^h_i = W_k^g x_i,   v^h_i = W_v^g x_i,   g = floor(h G / H)
    y_i = sum_h W_o^h o^h_i

    x_i, y_i      token before and after, (C,)
    q, k, v, o    query, key, value and mixed value of head h = 0 ... H - 1, (D,)
    W             (D, C), and (C, D) for W_o; no biases
    G             key and value heads; H is multi-head, 1 multi-query

Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head
Checkpoints" (arXiv 2305.13245).
"""

from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Layout


class GroupedQuery(Layout):
    """A projection to H queries, and one to G keys and values."""

    def __init__(self, *, width: int, num_heads: int, num_kv_heads: int, head_width: int):
        super().__init__()
        if num_heads % num_kv_heads:
            raise ValueError(f"num_heads = {num_heads} is no multiple of {num_kv_heads} groups")
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads
        self.head_width = head_width
        self.query = nn.Linear(width, num_heads * head_width, bias=False)
        self.key_value = nn.Linear(width, 2 * num_kv_heads * head_width, bias=False)
        self.out = nn.Linear(num_heads * head_width, width, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """Give the queries of every head."""
        return self.query(x).unflatten(2, (self.num_heads, self.head_width)).transpose(1, 2)

    def compress(self, x: Tensor) -> Tensor:
        """Give the keys and values of every group."""
        return self.key_value(x)

    def expand(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give keys and values of every head, equal within a group."""
        pairs = kept.unflatten(2, (2, self.num_kv_heads, self.head_width))
        pairs = pairs.permute(2, 0, 3, 1, 4)  # (2, B, G, S, D)
        # copies of a head stand side by side: `repeat` would be another model
        k, v = pairs.repeat_interleave(self.num_heads // self.num_kv_heads, dim=2)
        return k, v  # (B, H, S, D)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def cache_elements_per_token(self) -> int:
        """Count keys and values of all groups: 2 G D."""
        return 2 * self.num_kv_heads * self.head_width
