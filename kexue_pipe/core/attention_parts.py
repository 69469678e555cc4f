"""The parts that an attention is composed of: what each is asked, and what it answers.

A softmax-type attention is layout x scale x normaliser x mask; the parts of a linear one beside the
layout stand in `core/linear_parts.py`. Letters as in `core/contracts.py`; masks work on token
indices, never on position ids.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position

MAX_COEFFICIENTS = 2**22  # of one block of attention rows


class Layout(nn.Module):
    """The projections of an attention, and with them what decoding has to keep."""

    num_heads: int  # H
    head_width: int  # D

    def queries(self, x: Tensor) -> Tensor:
        """Give queries, (B, T, C) -> (B, H, T, D)."""
        raise NotImplementedError

    def compress(self, x: Tensor) -> Tensor:
        """Give what decoding keeps of each token, (B, T, C) -> (B, T, cache elements)."""
        raise NotImplementedError

    def expand(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give keys and values of what is kept, (B, S, cache elements) -> twice (B, H, S, D)."""
        raise NotImplementedError

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give queries, keys and values, (B, T, C) -> three times (B, H, T, D)."""
        return self.queries(x), *self.expand(self.compress(x))

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out, (B, H, T, D) -> (B, T, C)."""
        raise NotImplementedError

    def cache_elements_per_token(self) -> int:
        """Count the numbers that hold the keys and values of one token."""
        raise NotImplementedError


class LatentLayout(Layout):
    """A layout whose keys and values are maps of one latent of L numbers, which decoding keeps."""

    def part(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give latents (B, 1, S, L) and shared parts of keys (B, 1, S, r D) of what is kept."""
        raise NotImplementedError

    def absorb(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Give what meets latents (B, H, T, L) and shared parts (B, H, T, r D) of the queries."""
        raise NotImplementedError

    def mixed_values(self, mixed: Tensor) -> Tensor:
        """Give mixed values of mixed latents, (B, H, T, L) -> (B, H, T, D)."""
        raise NotImplementedError


class Scale(nn.Module):
    """The factor of the content scores, folded into queries and keys before they are rotated."""

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Scale q (B, H, T, D) and k (B, H, S, D); query i sees count_i (T,) keys."""
        raise NotImplementedError


class Mask:
    """Which keys a query sees; its own token is always among them."""

    is_causal = False  # every token up to the query's own: fused kernels know this one
    keys_kept: int | None = None  # keys that decoding needs at most; None when it needs all

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Tell which token indices see which, (R,) and (S,) -> bool (R, S)."""
        raise NotImplementedError

    def reach(self, first: int, last: int) -> slice | Tensor:
        """Give the keys that the queries first ... last may see, and few others, in order."""
        raise NotImplementedError

    def count(self, queries: Tensor) -> Tensor:
        """Count the keys that each query sees, (R,) -> (R,)."""
        counts = []
        for rows in row_slices(len(queries), int(queries.max()) + 1):
            block = queries[rows]
            last = int(block.max())
            index = torch.arange(last + 1, device=queries.device)
            keys = index[self.reach(int(block.min()), last)]
            counts.append(self.visible(block, keys).sum(-1))
        return torch.cat(counts)


class Normaliser(nn.Module):
    """The map from a row of scores to a row of coefficients."""

    row_stochastic: bool  # coefficients are >= 0 and sum to one
    fused = False  # `mix` has a kernel that never holds the scores and knows the causal mask

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise scores (B, H, R, S) over the keys that `visible` (R, S) shows.

        The scores may be overwritten.
        """
        raise NotImplementedError

    def mix(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, visible: Tensor | None
    ) -> Tensor:
        """Give weights(q.k + bias) v, (B, H, R, D); fused ones read `visible` None as causal.

        `bias` broadcasts to (B, H, R, S).
        """
        scores = q @ k.mT  # (B, H, R, S)
        assert visible is not None, "only a fused normaliser knows the causal mask by itself"
        return self.weights(scores if bias is None else scores + bias, visible) @ v


# (rows of the queries asked for, keys) -> their scores (B, H, R, S), and which are visible (R, S)
Score = Callable[[slice, slice], tuple[Tensor, Tensor]]


class Scores(Protocol):
    """An attention whose rows are the softmax of scores that it can show."""

    def scores(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> tuple[Score, Tensor]:
        """Give a function to the scores of some of the queries with some keys, and the values."""
        ...

    def products(
        self, x: Tensor, pos: Tensor, position: Position
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Give q and k whose products are the causal scores, and v; None where there are none."""
        ...


def row_slices(num_rows: int, row_size: int, most: int | None = None) -> Iterator[slice]:
    """Cut rows of `row_size` numbers into blocks of at most 2**22 numbers and `most` rows."""
    step = max(1, MAX_COEFFICIENTS // row_size)
    step = step if most is None else min(step, most)
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def touches_scores(position: Position, q: Tensor, k: Tensor, pos: Tensor) -> bool:
    """Tell whether a position adds to the scores or replaces them; one row and key show it."""
    one = pos[:1]
    replaced = position.scores(q[:, :, :1], k[:, :, :1], one, one)
    return replaced is not None or position.bias(q[:, :, :1], one, one) is not None


def remember(mask: Mask, kept: Tensor, new: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """Add token t to the kept tokens before it, and forget those that it cannot see.

    Gives what is kept, (B, S, E), and of which tokens, (S,).
    """
    index = torch.arange(t + 1, device=new.device)
    before = index[mask.reach(t - 1, t - 1)] if t else index[:0]
    seen = index[mask.reach(t, t)]
    stays = torch.isin(torch.cat((before, index[t:])), seen)
    return torch.cat((kept, new), dim=1)[:, stays], seen


def placed_scores(
    position: Position, plain_q: Tensor, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor
) -> Tensor:
    """Give the scores (B, H, R, S) of scaled queries and keys, as every hook of position wants."""
    scores = position.scores(q, k, pos_q, pos_k)
    if scores is None:
        q, k = position.rotate(q, k, pos_q, pos_k)
        scores = q @ k.mT
    bias = position.bias(plain_q, pos_q, pos_k)
    return scores if bias is None else scores + bias
