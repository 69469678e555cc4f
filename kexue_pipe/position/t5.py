"""T5 relative bias: a learned number per head and bucket of distances, added to the scores.

    s_ij <- s_ij + beta_h[bucket(i - j)]
    bucket(n) = n                                                   for n < K/2
    bucket(n) = K/2 + floor(K/2 ln(n / (K/2)) / ln(D_max / (K/2)))  else, and at most K - 1

    s_ij   scaled score of query i and key j
    beta   table, (K, H), shared by all layers, N(0, 0.02^2) at the start
    K      buckets; half of them for one distance each, half for logarithmic ranges
    D_max  distance, tokens, from which on all is one bucket; N unless given

With D_max > N the buckets of distances >= N are never trained, and out of range they are read.

Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
Transformer" (arXiv 1910.10683).

Departures: scores are scaled by 1/sqrt(D), which T5 leaves out; beta starts like all embeddings.
"""

from math import log

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position


def bucket(distance: Tensor, num_buckets: int, max_distance: float) -> Tensor:
    """Give the bucket of each distance >= 0, int64."""
    exact = num_buckets // 2
    octaves = (distance.double().clamp(min=exact) / exact).log() / log(max_distance / exact)
    far = exact + (octaves * (num_buckets - exact)).long()
    return torch.where(distance < exact, distance.long(), far.clamp(max=num_buckets - 1))


class T5(Position):
    """Learned biases of distance buckets."""

    buckets: Tensor

    def __init__(
        self, *, num_heads: int, num_buckets: int, max_distance: float | None, train_length: int
    ):
        super().__init__()
        largest = train_length if max_distance is None else max_distance
        if 2 * largest <= num_buckets:
            raise ValueError(f"{num_buckets} buckets leave no range below distance {largest}")
        self.table = nn.Embedding(num_buckets, num_heads)
        buckets = bucket(torch.arange(int(largest) + 1), num_buckets, largest)
        self.register_buffer("buckets", buckets, persistent=False)  # (D_max + 1,)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give beta_h of the buckets, (1, H, T, S)."""
        distance = (pos_q[:, None] - pos_k).clamp(0, len(self.buckets) - 1).long()  # (T, S)
        by_distance = self.table.weight[self.buckets].T  # (H, D_max + 1)
        return by_distance[:, distance][None].to(q.dtype)
