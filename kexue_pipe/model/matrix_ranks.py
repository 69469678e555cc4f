"""Ranks of the attention matrices of a trained decoder, beside those of uniform averaging.

Formula: for each layer and head, sum of erank(A) and srank(A) over documents (`core/matrix_rank`).
Symbols: A (N, N) the coefficients of all queries over all keys, N the training length.
Source: 注意力机制真的可以“集中注意力”吗? (post 9889, 2023-12-12). Departures: all variants are
measured at N, since ranks grow with the size; beyond 1024 tokens, where all singular values take
too long, there are none.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from kexue_pipe.core.contracts import Batch
from kexue_pipe.core.matrix_rank import averaging, ranks
from kexue_pipe.core.rows import coefficients
from kexue_pipe.core.tables import empty
from kexue_pipe.model.attention_statistics import layers

LONGEST = 1024  # tokens


def matrix_ranks(
    model: Any, documents: Batch, extensions: Mapping[str, Callable[..., Any]]
) -> pl.DataFrame:
    """Measure the matrices of documents under every extension: rows of an `attention` table."""
    length = documents.inputs.shape[1]
    rows: list[dict[str, Any]] = []
    if length <= LONGEST:
        uniform = ranks(averaging(length))
        for place, (attention, x, *rest) in layers(model, documents, extensions):
            found = [ranks(_matrices(attention, one, *rest)) for one in x.split(1)]
            for name, flat in uniform.items():
                each = np.concatenate([document[name] for document in found])  # (B, H)
                rows += [place | row for row in _rows(name, each)]
                same = np.full_like(each, flat)
                rows += [place | row for row in _rows(f"{name}_uniform", same)]
    bins = {"bin_lo": 1, "bin_hi": length + 1, "backend": "rows"}  # rows of 1 to N keys
    schema = empty("attention").drop("variant", "seed").schema
    return pl.DataFrame([bins | row for row in rows], schema=schema)


def _matrices(attention: Any, x: Tensor, pos: Tensor, position: Any) -> np.ndarray:
    """Give the coefficients of all queries over all keys, (1, H, T, T) float64."""
    T = x.shape[1]
    queries = torch.arange(T, device=x.device)
    blocks = attention.row_blocks(x, pos, position, queries)
    rows = [F.pad(coefficients(block), (0, T - block.mask.shape[1])) for block in blocks]
    return torch.cat(rows, 2).cpu().numpy()


def _rows(metric: str, values: np.ndarray) -> list[dict[str, Any]]:
    """Sum values (B, H) over documents; a head without a defined one has no row."""
    heads = [each[~np.isnan(each)] for each in values.T]
    return [
        {
            "head": head,
            "metric": metric,
            "sum": each.sum().item(),
            "sum_sq": np.square(each).sum().item(),
            "n_rows": len(each),
        }
        for head, each in enumerate(heads)
        if len(each)
    ]
