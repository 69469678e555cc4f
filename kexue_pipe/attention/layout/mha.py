"""Multi-head projections: every query head has keys and values of its own.

    q^h_i = W_q^h x_i,   k^h_i = W_k^h x_i,   v^h_i = W_v^h x_i,   y_i = sum_h W_o^h o^h_i

    x_i, y_i      token before and after, (C,)
    q, k, v, o    query, key, value and mixed value of head h, (D,)
    W             (D, C), and (C, D) for W_o; no biases

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762).

Departure: the width of a head does not follow from the width of the model.
"""

from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Layout


class MultiHead(Layout):
    """One projection to queries, keys and values of all heads, one back."""

    def __init__(self, *, width: int, num_heads: int, head_width: int):
        super().__init__()
        self.num_heads = num_heads
        self.head_width = head_width
        self.qkv = nn.Linear(width, 3 * num_heads * head_width, bias=False)
        self.out = nn.Linear(num_heads * head_width, width, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give queries, keys and values of every head."""
        B, T, _ = x.shape
        heads = self.qkv(x).view(B, T, 3, self.num_heads, self.head_width)
        q, k, v = heads.unbind(dim=2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, H, T, D)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def cache_elements_per_token(self) -> int:
        """Count keys and values of all heads: 2 H D."""
        return 2 * self.num_heads * self.head_width
