"""What decay leaves of the keys of a chunk: the factors of their products with later queries.

    P_rs = sum_f q_rf k_sf exp(b_rf - b_sf) for s <= r,   b_r - b_s = log a_(s+1) + ... + log a_r

    q_r, k_s  features of query and key, (F,)
    log a     decays of c tokens, (c, F), or (c, 1) where features share one
    P         (c, c), zero above the diagonal

Every exponent is added up by itself, as a product of log decays with a matrix of zeros and ones.
Where features have decays of their own, the second half of a chunk sees the first across the border
between them, exp(b_r - b_s) = exp(b_r - b_border) exp(b_border - b_s), and halves are halved.

Source: Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient Training" (arXiv
2312.06635) for the borders; Dao, Gu, "Transformers are SSMs: Generalized Models and Efficient
Algorithms Through Structured State Space Duality" (arXiv 2405.21060) for sums in the place of
differences.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad


class Fades(NamedTuple):
    """The factors of a chunk's tokens, (..., c, 1 or F)."""

    first: Tensor  # of the state before the chunk, as each token sees it
    last: Tensor  # of each token, as the state after the chunk holds it
    pairs: Tensor | None  # (..., c, c) of each token for later ones, where features share a decay
    levels: Sequence[Tensor]  # to the border between the halves, the halves of halves, and so on


def fades_of(log: Tensor) -> Fades:
    """Give the factors of log decays (..., c, 1 or F); c is a power of two where F > 1."""
    c, flat = log.shape[-2], log.flatten(0, -3)
    past = log.new_ones(c, c).tril()  # which tokens are not after each
    later = 1 - past

    def fade(summed: Tensor) -> Tensor:
        return torch.bmm(summed.expand(len(flat), c, c), flat).exp_().view_as(log)

    first, last = fade(past), fade(later)
    if log.shape[-1] == 1:
        summed = (past[:, None] * later).flatten(0, 1)  # (c c, c)
        pairs = torch.addmm(past.log().flatten(), flat[..., 0], summed.mT).exp_()
        return Fades(first, last, pairs.view(*log.shape[:-1], c), ())
    levels = []
    for half in (c >> level for level in range(1, c.bit_length())):
        place = torch.arange(c, device=log.device)[:, None] // half
        levels.append(fade(torch.where(place % 2 == 1, past, later) * (place == place.mT)))
    return Fades(first, last, None, levels)


def products(q: Tensor, k: Tensor, fades: Fades | None) -> Tensor:
    """Give P of queries and keys (..., c, F), (..., c, c)."""
    if fades is not None and fades.pairs is None:
        return _halves(q, k, fades.levels)
    return faded(q @ k.mT, fades)


def faded(overlaps: Tensor, fades: Fades | None) -> Tensor:
    """Give P of products without decay (..., c, c), where features share a decay."""
    if fades is None or fades.pairs is None:
        return overlaps.tril()
    return overlaps * fades.pairs


def _halves(q: Tensor, k: Tensor, levels: Sequence[Tensor]) -> Tensor:
    if not levels:  # a token by itself
        return (q * k).sum(-1, keepdim=True)
    parts = [part.unflatten(-2, (2, -1)) for part in (q, k, *levels)]  # (..., 2, c / 2, F)
    (_, after), (before, _), (k_fade, q_fade) = (part.unbind(-3) for part in parts[:3])
    across = (after * q_fade) @ (before * k_fade).mT
    one, other = _halves(parts[0], parts[1], parts[3:]).unbind(-3)
    above = pad(one, (0, one.shape[-1]))
    return torch.cat((above, torch.cat((across, other), -1)), -2)
