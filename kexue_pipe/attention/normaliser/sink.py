"""Softmax with a learned sink: each head has a score to which a row may lose its weight.

    p_ij = exp(s_ij) / (exp(b_h) + sum_{l visible to i} exp(s_il)),   b_h = 0 at the start

    s_ij  score of query i and key j in head h, after bias
    b_h   learned score of the sink, nats
    p_ij  coefficient of value j; what a row lacks to one has gone to the sink

b_h = 0 is softmax plus one, b_h = -infinity the softmax.

Source: OpenAI, "gpt-oss-120b & gpt-oss-20b Model Card" (arXiv 2508.10925).
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.attention_parts import Normaliser


class Sink(Normaliser):
    """Exponentials over their sum and that of one learned score per head."""

    row_stochastic = False

    def __init__(self, *, num_heads: int):
        super().__init__()
        self.sink = nn.Parameter(torch.zeros(num_heads))

    def initialise(self, generator: torch.Generator) -> None:
        """Start as softmax plus one."""
        self.sink.zero_()

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys: softmax times Z / (exp(b) + Z)."""
        scores = scores.masked_fill(~visible, -torch.inf)
        total = scores.logsumexp(-1, keepdim=True)  # log Z, (B, H, R, 1)
        return scores.softmax(-1) * (total - self.sink[:, None, None]).sigmoid()
