"""A tied head on swapped halves, so that a token does not predict itself at the start.

    logits = E [x_(C/2) ... x_(C-1) ; x_0 ... x_(C/2-1)]

    x  normalised top of the decoder, (C,);  E  token embedding, (V, C), N(0, 1 / C) at the start

Source: Jianlin Su, "语言模型输出端共享Embedding的重新探索" (kexue.fm/archives/9698, 2023-07-20).
"""

from torch import Tensor
from torch.nn.functional import linear

from kexue_pipe.core.contracts import Head


class TiedSwap(Head):
    """The embedding, used twice, with its halves the other way round."""

    def __init__(self, *, width: int, vocabulary_size: int):
        super().__init__()
        self.embedding_std = width**-0.5

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Give the products of the swapped halves with all embeddings."""
        return linear(x.roll(x.shape[-1] // 2, dims=-1), embedding)
