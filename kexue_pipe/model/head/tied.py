"""A tied head: the logit of a token is the product with its own embedding.

    logits = E x

    x  normalised top of the decoder, (C,);  E  token embedding, (V, C), N(0, std^2) at the start
    std  C^(-1/2) (`start` width), or log(V) / C (`start` vocabulary)

While the layers add little, the top is the token's own embedding, of length sqrt(C): the first loss
is log(e^(C std) + V e^(C std^2 / 2)), far above log V for C std > log V.

Source: Jianlin Su, "语言模型输出端共享Embedding的重新探索" (kexue.fm/archives/9698, 2023-07-20).
"""

from math import log

from torch import Tensor
from torch.nn.functional import linear

from kexue_pipe.core.contracts import Head


class Tied(Head):
    """The embedding, used twice."""

    def __init__(self, *, width: int, vocabulary_size: int, start: str):
        super().__init__()
        starts = {"width": width**-0.5, "vocabulary": log(vocabulary_size) / width}
        self.embedding_std = starts[start]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Give the products with all embeddings."""
        return linear(x, embedding)
