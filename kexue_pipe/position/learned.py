"""Learned absolute positions: a trained vector for each position, added to the token embeddings.

    x_i <- x_i + (1 - w) P[m] + w P[m + 1],    m = floor(r_i),  w = r_i - m

    untrained    r_i = i: rows N ... L - 1 keep their first draw, but for weight decay
    clamp        r_i = min(i, N - 1)
    wrap         r_i = i mod N
    interpolate  r_i = i (N - 1) / max(N - 1, T - 1): the N trained rows, resampled to T

    x_i   token embedding, (C,), standard deviation 0.02 at the start
    P     table, (L, C), N(0, 0.02^2) at the start; all of it is trained by random position ids
    r_i   row of position i, whole unless interpolated
    T, N  context length at hand, training length, in tokens; L is 32 N unless given

Source: Gehring et al., "Convolutional Sequence to Sequence Learning" (arXiv 1705.03122);
resampling: Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv 2010.11929).
"""

from torch import Tensor, nn

from kexue_pipe.core.contracts import Position

_ROWS_PER_TRAINED = 32  # twice the longest test context of the sizes


def _untrained(pos: Tensor, train_length: int) -> Tensor:
    return pos


def _clamp(pos: Tensor, train_length: int) -> Tensor:
    return pos.clamp(max=train_length - 1)


def _wrap(pos: Tensor, train_length: int) -> Tensor:
    return pos % train_length


def _interpolate(pos: Tensor, train_length: int) -> Tensor:
    last = train_length - 1
    return (pos * (last / max(1, last, int(pos.max())))).clamp(max=last)


_ROWS = {
    "untrained": _untrained,
    "clamp": _clamp,
    "wrap": _wrap,
    "interpolate": _interpolate,
}


class Learned(Position):
    """A table of position vectors, and a rule for positions that training does not reach."""

    def __init__(self, *, width: int, train_length: int, max_length: int | None, oov: str):
        super().__init__()
        self.train_length = train_length
        length = _ROWS_PER_TRAINED * train_length if max_length is None else int(max_length)
        self.table = nn.Embedding(length, width)  # (L, C)
        self.rows = _ROWS[oov]

    def embed(self, x: Tensor, pos: Tensor) -> Tensor:
        """Add the vectors of the positions."""
        length = self.table.num_embeddings
        if (largest := int(pos.max())) >= length:
            raise ValueError(
                f"position {largest} is beyond the {length} learned rows: raise position.max_length"
            )
        row = self.rows(pos.double(), self.train_length)  # (T,)
        low = row.long()
        weight = (row - low).to(self.table.weight.dtype)[:, None]  # (T, 1)
        vectors = self.table(low).lerp(self.table((low + 1).clamp(max=length - 1)), weight)
        return x + vectors.to(x.dtype)
