"""A tied head behind a learned map, so that a token does not predict itself at the start.

    logits = E P x

    x  normalised top of the decoder, (C,);  E  token embedding, (V, C), N(0, 1 / C) at the start
    P  (C, C), orthogonal at the start

Source: Jianlin Su, "语言模型输出端共享Embedding的重新探索" (kexue.fm/archives/9698, 2023-07-20).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from kexue_pipe.core.contracts import Head


class TiedProjection(Head):
    """The embedding, used twice, and a map in between."""

    def __init__(self, *, width: int, vocabulary_size: int):
        super().__init__()
        self.embedding_std = width**-0.5
        self.projection = nn.Parameter(torch.eye(width))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw an orthogonal map."""
        drawn = torch.randn(self.projection.shape, generator=generator)
        self.projection.copy_(torch.linalg.qr(drawn)[0])

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Give the products of what is mapped with all embeddings."""
        return linear(linear(x, self.projection), embedding)
