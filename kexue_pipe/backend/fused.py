"""Softmax rows from the log-sum-exp of a fused kernel, for all queries at once.

    o, l = flash(q, k, v = k),    E[s] = q . o,    H = l - E[s]
    sum p^2 = e^(l(2 q) - 2 l),   sum p j = flash(q, k, v = j),   p_j = e^(q . k_j - l)

q, k queries and keys after rotation and scale, (B, H, T, D) float64; s = q . k; l (B, H, T) the
log-sum-exp of the scores that a query sees. A bias of keys is one more column of k, against ones in
q; the keys' indices j are one more column of v. Two passes of the kernel in O(T D) memory.

Source: Dao et al., "FlashAttention" (arXiv 2205.14135) for the kernel and its log-sum-exp.
Departures: float64 throughout, so that l - E[s] keeps its digits at any length.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Scores
from kexue_pipe.core.contracts import Position, RowBlock
from kexue_pipe.core.rows import FIRST, closed

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


def fused(
    attention: Scores, x: Tensor, pos: Tensor, position: Position, queries: Tensor
) -> Iterator[RowBlock]:
    """Yield what the kernel sums of the rows of the queries; each sees all keys up to its own."""
    products = attention.products(x, pos, position)
    if products is None:
        raise ValueError(
            "backend=fused sums causal rows whose scores are products of queries and keys, and "
            f"{type(position).__name__} or the mask asks for others; take backend=online, or "
            "leave the extension out of model.evaluate.attention_extensions"
        )
    q, k, v = products
    q, k = q.double().cpu(), k.double().cpu()
    zero = torch.zeros_like(q[..., :1])
    index = torch.arange(q.shape[2], dtype=torch.float64)  # i, and j of the keys
    values = torch.cat([k, zero + index[:, None] / len(index)], -1)
    wide_q, wide_k = torch.cat([q, zero], -1), torch.cat([k, zero], -1)
    mixed, log_sum = _flash(wide_q, wide_k, values, 0.0, True, scale=1.0)
    _, doubled = _flash(2 * wide_q, wide_k, wide_k, 0.0, True, scale=1.0)
    early = (q @ k[:, :, :FIRST].mT).masked_fill(index[:FIRST] > index[:, None], -torch.inf)
    known = {
        "visible_keys": index + 1,
        "uniform_distance": index / 2,
        "nats": log_sum - (q * mixed[..., :-1]).sum(-1),
        "collision": (doubled - 2 * log_sum).exp(),
        "mean_distance": index - mixed[..., -1] * len(index),
        "first": (early - log_sum[..., None]).exp(),
    }
    asked = queries.cpu()
    found = {name: value[..., asked] for name, value in known.items() if name != "first"}
    found["first"] = known["first"][..., asked, :]
    yield closed(queries, v, {name: value.to(x.device) for name, value in found.items()})
