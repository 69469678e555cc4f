"""An untied head: logits by a matrix of its own, drawn like the embedding.

    logits = W x

    x  normalised top of the decoder, (C,);  W  (V, C), N(0, 0.02^2) at the start

The first predictions are near uniform, at a loss of log V.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019) for the std.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from kexue_pipe.core.contracts import Head
from kexue_pipe.core.initialise import EMBEDDING_STD


class Untied(Head):
    """A matrix that nothing else uses."""

    embedding_std = EMBEDDING_STD

    def __init__(self, *, width: int, vocabulary_size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(vocabulary_size, width))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weight like an embedding."""
        drawn = torch.randn(self.weight.shape, generator=generator)
        self.weight.copy_(drawn * self.embedding_std)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Give logits by the own matrix."""
        return linear(x, self.weight)
