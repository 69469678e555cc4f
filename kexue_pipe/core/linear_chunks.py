"""The recurrence of linear attentions, computed chunk by chunk.

    S_i = Diag(a_i) S_{i-1} + k_i u_i^T,   o_i = S_i^T q_i
    u_i = v_i,   or  beta_i (v_i - (Diag(a_i) S_{i-1})^T k_i)  for the delta rule

    q_i, k_i  features of query and key, (F,)
    v_i, u_i  value, and what is written of it, (D,)
    a_i       decay, (F,) or the same for all features; log a is given
    S_i       state, (F, D)

In a chunk of c tokens, with b_r = sum_{s<=r} log a_s inside the chunk and the state S before it:

    P_rs = q_r . (exp(b_r - b_s) k_s) for s <= r,   K_rs = k_r . (exp(b_r - b_s) k_s) for s < r
    U = M V - M (K exp(b)) S,   M = (1 + Diag(beta) K)^-1 Diag(beta)  or the identity
    O = (Q exp(b)) S + P U,     S <- exp(b_c) S + (K exp(b_c - b))^T U

Only sums of log decays inside a chunk are exponentiated, each added up by itself: no decay
overflows, and none loses digits in a difference (`core/linear_fades.py`).

Source: Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient Training" (arXiv
2312.06635) for chunks and their halves; Yang et al., "Parallelizing Linear Transformers with the
Delta Rule over Sequence Length" (arXiv 2406.06484) for M.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from kexue_pipe.core.linear_fades import Fades, faded, fades_of, products

_CHUNK = 64  # tokens
_FINE_CHUNK = 32  # tokens, where every feature has a decay of its own, or a chunk is solved

Solve = Callable[[Tensor, Tensor | None], Tensor]


class Near(NamedTuple):
    """What gives the products of queries and keys in a chunk without features."""

    q: Tensor  # (B, H, T, D)
    k: Tensor  # (B, H, T, D)
    overlap: Callable[[Tensor, Tensor], Tensor]


class Stream(NamedTuple):
    """What a recurrence reads: (B, H, T, ...) each."""

    k: Tensor  # (..., F)
    v: Tensor  # (..., D)
    decay: Tensor | None = None  # (..., 1 or F) log decays
    strength: Tensor | None = None  # (..., 1) beta
    solve: Solve | None = None  # M of a chunk; None is the identity
    near: Near | None = None  # where features share a decay, and there is no M


class Chunks(NamedTuple):
    """A stream in n chunks of c tokens: what of each does not depend on the state before it."""

    k: Tensor  # (B, H, n, c, F)
    kept: Tensor  # (..., c, F) keys as the state after the chunk holds them
    log: Tensor | None  # (..., c, 1 or F) log decays
    fade: Tensor | None  # (..., 1 or F, 1) factor of the state
    M: Tensor | None  # (..., c, c)
    W: Tensor | None  # (..., c, F): M times the keys as the state before the chunk meets them


def mix(q: Tensor, stream: Stream, size: int | None = None) -> Tensor:
    """Give o of every query (B, H, T, F), in chunks of `size` tokens."""
    T = q.shape[2]
    chunks, fades = _cut(stream, size)
    size = chunks.k.shape[3]
    q, v = _split(q, size), _split(stream.v, size)
    written = v if chunks.M is None else chunks.M @ v  # U if all states were zero
    near = stream.near
    if near is None:
        P = products(q, chunks.k, fades)
    else:
        P = faded(near.overlap(_split(near.q, size), _split(near.k, size)), fades)
    if T <= size:
        mixed = P @ written
    else:
        states, written = _carry(chunks, written)
        seen = q if fades is None else q * fades.first
        mixed = seen @ states + P @ written
    return mixed.flatten(2, 3)[:, :, :T]


def rows(q: Tensor, index: Tensor, chunks: Chunks) -> Tensor:
    """Give the coefficients of queries (B, H, R, F) at token indices (R,), (B, H, R, S).

    S is the last index and one. From its chunk to the first, w is what a row takes of the state.
    """
    S, size = int(index.max()) + 1, chunks.k.shape[3]
    offset = torch.arange(size, device=q.device)
    w = torch.zeros_like(q)
    weights: list[Tensor] = []
    for n in reversed(range(-(-S // size))):
        k, kept, log, fade, M, W = (None if part is None else part[:, :, n] for part in chunks)
        assert k is not None and kept is not None
        # differences of long sums: in float32 a strong decay would cost digits of the weak ones
        b = None if log is None else log.double().cumsum(-2)
        here, later = index // size == n, index // size > n
        place = index[here] % size
        own, own_b = q[:, :, here], None if b is None else b[:, :, place]
        taken = q.new_zeros(*q.shape[:3], size)  # of what each token of the chunk writes
        taken[:, :, here] = _pairs(own, k, own_b, b, offset <= place[:, None])
        taken[:, :, later] = w[:, :, later] @ kept.mT
        w = w if fade is None else w * fade.mT
        w[:, :, here] = _fall(own, own_b)
        w = w if W is None else w - taken @ W
        weights.append(taken if M is None else taken @ M)
    return torch.cat(weights[::-1], dim=-1)[..., :S]


def _pairs(q: Tensor, k: Tensor, b_q: Tensor | None, b_k: Tensor | None, visible: Tensor) -> Tensor:
    if b_q is None or b_k is None:
        return (q @ k.mT).masked_fill(~visible, 0.0)
    fall = b_q[..., :, None, :] - b_k[..., None, :, :]  # (..., R, c, 1 or F)
    fall = fall.masked_fill(~visible[..., None], -torch.inf).to(q.dtype).exp()
    if fall.shape[-1] == 1:
        return (q @ k.mT) * fall[..., 0]
    return ((fall * k[..., None, :, :]) @ q[..., None]).squeeze(-1)


def _fall(x: Tensor, log: Tensor | None) -> Tensor:
    return x if log is None else x * log.to(x.dtype).exp()


def _chunk_size(stream: Stream) -> int:
    fine = stream.solve or (stream.decay is not None and stream.decay.shape[-1] > 1)
    # a power of two halves evenly
    return min(_FINE_CHUNK if fine else _CHUNK, 1 << (stream.k.shape[2] - 1).bit_length())


def _split(x: Tensor, size: int) -> Tensor:
    """Pad with zeros, which write nothing, and cut, (B, H, T, ...) -> (B, H, n, c, ...)."""
    missing = -x.shape[2] % size
    return (pad(x, (0, 0, 0, missing)) if missing else x).unflatten(2, (-1, size))


def cut(stream: Stream, size: int | None = None) -> Chunks:
    """Cut a stream in chunks of `size` tokens, rounded up where chunks are halved."""
    return _cut(stream, size)[0]


def _cut(stream: Stream, size: int | None) -> tuple[Chunks, Fades | None]:
    size = size or _chunk_size(stream)
    if stream.decay is not None and stream.decay.shape[-1] > 1:
        size = 1 << (size - 1).bit_length()
    k = _split(stream.k, size)
    log = None if stream.decay is None else _split(stream.decay, size)
    fades = None if log is None else fades_of(log)
    kept = k if fades is None else k * fades.last
    fade = None if fades is None else fades.first[..., -1:, :].mT
    if stream.solve is None:
        return Chunks(k, kept, log, fade, None, None), fades
    strength = None if stream.strength is None else _split(stream.strength, size)
    M = stream.solve(products(k, k, fades).tril(-1), strength)
    met = k if fades is None else k * fades.first
    return Chunks(k, kept, log, fade, M, M @ met), fades


def _carry(chunks: Chunks, written: Tensor) -> tuple[Tensor, Tensor]:
    """Give the state before each chunk (B, H, n, F, D), and what is written with it known."""
    if chunks.W is None and chunks.fade is None:
        sums = chunks.kept[:, :, :-1].mT @ written[:, :, :-1]  # (B, H, n - 1, F, D)
        return pad(sums.cumsum(2), (0, 0, 0, 0, 1, 0)), written
    B, H = written.shape[:2]

    def steps(part: Tensor) -> tuple[Tensor, ...]:
        # unbound, as a slice of one tensor costs a tensor of zeros in the backward pass
        return part.expand(B, *part.shape[1:]).flatten(0, 1).unbind(1)

    kept = steps(chunks.kept.mT)
    fade = None if chunks.fade is None else steps(chunks.fade)
    W = None if chunks.W is None else steps(chunks.W)
    state = kept[0].new_zeros(B * H, kept[0].shape[1], written.shape[-1])  # (B H, F, D)
    states, news = [], []
    for n, new in enumerate(steps(written)):
        states.append(state)
        news.append(new if W is None else torch.baddbmm(new, W[n], state, alpha=-1))
        state = torch.baddbmm(state if fade is None else state * fade[n], kept[n], news[-1])
    past = torch.stack(states, 1).unflatten(0, (B, H))
    return past, written if W is None else torch.stack(news, 1).unflatten(0, (B, H))
