"""Softmax rows summed over blocks of keys, so that no row is ever held.

    M' = max(M, max s),  c = e^(M - M'),  e = e^(s - M')      for the scores s of each block of keys
    A <- c (A + (M - M') Z) + sum e (s - M'),   B <- c^2 B + sum e^2,   Z <- c Z + sum e
    D <- c D + sum e (i - j)
    H = log Z - A / Z,   sum p^2 = B / Z^2,   max p = 1 / Z,   sum p (i - j) = D / Z

M, Z, A, B, D sums of a query i over the keys j so far, float64; H entropy, nats. The shift in A
keeps the digits that M + log Z - E[s] loses when all scores are large. A second pass, log Z known,
counts shares in bins of their logarithm, for the Gini index with c_b keys of mass m_b in bin b and
C_b keys up to it: G = 1 - 2 sum_b m_b (L - C_b + c_b / 2) / L.

Source: Milakov, Gimelshein, "Online normalizer calculation for softmax" (arXiv 1805.02867) for Z;
the other sums follow in the same way.
Departures: the Gini index is that of bins, wrong by at most a quarter of their width (0.01 with
1024 of them, where two keys share one) and by about 1e-4 in long rows.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Score, Scores, row_slices
from kexue_pipe.core.contracts import Position, RowBlock
from kexue_pipe.core.rows import FIRST, closed

LOWEST = -40.0  # logarithm of a share that counts as 0


def online(
    attention: Scores, x: Tensor, pos: Tensor, position: Position, queries: Tensor, *,
    keys: int, bins: int,
) -> Iterator[RowBlock]:  # fmt: skip
    """Yield what is summed of the rows of the queries, `keys` keys at a time."""
    score, v = attention.scores(x, pos, position, queries)
    B, H, T, _ = v.shape
    for rows in row_slices(len(queries), B * H * max(min(keys, T), bins)):
        stop = int(queries[rows].max()) + 1
        blocks = [slice(start, min(start + keys, stop)) for start in range(0, stop, keys)]
        log_sum, known = _sums(score, queries, rows, blocks)
        known["inequality"] = _gini(score, rows, blocks, log_sum, known["visible_keys"], bins)
        s, visible = score(rows, slice(0, min(FIRST, stop)))
        s = s.double().masked_fill(~visible, -torch.inf)
        known["first"] = (s - log_sum[..., None]).exp()
        yield closed(queries[rows], v, known)


def _sums(
    score: Score, queries: Tensor, rows: slice, blocks: list[slice]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Give log-sum-exp and the running sums of every row, each (B, H, R)."""
    part = queries[rows]
    count, far = (torch.zeros(len(part), dtype=torch.float64, device=part.device) for _ in "Lu")
    M, Z = torch.tensor(-torch.inf, dtype=torch.float64, device=part.device), torch.tensor(0.0)
    A = B = D = Z
    for keys in blocks:
        s, visible = score(rows, keys)
        s = s.double().masked_fill(~visible, -torch.inf)  # (B, H, R, K)
        index = torch.arange(keys.start, keys.stop, device=s.device)
        distance = ((part[:, None] - index) * visible).double()
        count, far = count + visible.sum(-1).double(), far + distance.sum(-1)
        top = s.amax(-1)
        new = torch.maximum(M, top)
        shift = torch.where(M.isinf(), 0.0, M - new)  # nothing is summed yet where M is -inf
        c, base = shift.exp(), torch.where(new.isinf(), 0.0, new)
        lifted = s - base[..., None]
        e = lifted.exp()
        A = c * (A + shift * Z) + (e * lifted.masked_fill(~visible, 0.0)).sum(-1)
        B, Z, D = c * c * B + e.square().sum(-1), c * Z + e.sum(-1), c * D + (e * distance).sum(-1)
        M = new
    known = {"visible_keys": count, "uniform_distance": far / count, "nats": Z.log() - A / Z}
    known |= {"collision": B / Z**2, "largest": 1 / Z, "mean_distance": D / Z}
    return M + Z.log(), known


def _gini(
    score: Score, rows: slice, blocks: list[slice], log_sum: Tensor, count: Tensor, bins: int
) -> Tensor:
    """Give the Gini index of every row from counts and masses in bins of log p, (B, H, R)."""
    keys_in = torch.zeros(*log_sum.shape, bins, dtype=torch.float64, device=log_sum.device)
    mass_in = torch.zeros_like(keys_in)
    for keys in blocks:
        s, visible = score(rows, keys)
        logs = (s.double() - log_sum[..., None]).masked_fill(~visible, -torch.inf)
        place = ((logs.clamp(LOWEST, 0.0) / LOWEST * -bins + bins).long()).clamp(max=bins - 1)
        keys_in.scatter_add_(-1, place, visible.double().expand_as(logs))
        mass_in.scatter_add_(-1, place, logs.exp())
    rank = keys_in.cumsum(-1) - keys_in / 2
    return 1 - 2 * (mass_in * (count[:, None] - rank)).sum(-1) / count
