"""Statistics of the attention rows of a trained decoder, in bins of row length.

Formula: for each layer, head, bin and metric m: sum of m(row), sum of m(row)^2 and number of rows,
over documents and over `rows_per_bin` query positions per octave of position.
Symbols: a row is the coefficients of one query over its L visible keys; bin k of row length is
2^k <= L < 2^(k+1), k >= 1.
Source: entropy against row length as in 从熵不变性看Attention的Scale操作 (post 8823, 2021-12-21).
Departures: query positions are a fixed sample, the same for every model, seed and extension; one
pass at the longest length gives all shorter rows, since causal rows do not change with T.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import polars as pl
import torch
from torch import Tensor

from kexue_pipe.core.contracts import Batch, RowBlock, sample_rng
from kexue_pipe.core.rows import visible_keys
from kexue_pipe.core.tables import empty

Backend = Callable[..., Iterator[RowBlock]]  # attention, x, pos, position, queries
Source = tuple[Any, Tensor, Tensor, Any]  # attention, x, pos, position


def attention_statistics(
    model: Any,
    documents: Batch,
    extensions: Mapping[str, Callable[..., Any]],
    metrics: Mapping[str, Callable[[RowBlock], Tensor]],
    rows_per_bin: int,
    backend: Backend,
) -> pl.DataFrame:
    """Measure the attention rows of documents under every extension: an `attention` table."""
    length = documents.inputs.shape[1]
    samples = query_positions(length, rows_per_bin)
    edges = torch.tensor([2 ** (k + 1) for k in range(len(samples) + 1)])
    rows = []
    for place, source in layers(model, documents, extensions):
        run = place | {"backend": _name(backend)}
        sums = [
            _block_sums(block, list(metrics.values()), edges)
            for queries in samples
            for block in _prefix_blocks(backend, *source, queries)
        ]
        if sums:  # a context of one token has no row with two keys
            total = torch.stack(sums).sum(0)
            rows += [run | row for row in _rows(total, list(metrics), edges.tolist())]
    return pl.DataFrame(rows, schema=empty("attention").drop("variant", "seed").schema)


def layers(
    model: Any, documents: Batch, extensions: Mapping[str, Callable[..., Any]]
) -> Iterator[tuple[dict[str, Any], Source]]:
    """Yield each layer under each extension: its place in the table, what its rows are made of."""
    length = documents.inputs.shape[1]
    for name, extend in extensions.items():
        extended = extend(model, length=length)
        if not extended.attentions:  # it has no rows over the whole context
            continue
        pos = extended.ids(documents.inputs, documents.grids)
        inputs = extended.attention_inputs(documents.inputs, pos)
        for layer, (attention, x) in enumerate(zip(extended.attentions, inputs, strict=True)):
            place = {"extension": name, "length": length, "layer": layer}
            yield place, (attention, x, pos, extended.position)


def query_positions(length: int, rows_per_bin: int) -> list[Tensor]:
    """Draw the query positions of each bin 2^k <= i + 1 < 2^(k+1), k >= 1, without replacement."""
    samples = []
    for k in range(1, length.bit_length()):
        rows = range(2**k - 1, min(2 ** (k + 1) - 1, length))
        rng = sample_rng("attention rows", "test", 0, k)
        drawn = rng.choice(rows, min(rows_per_bin, len(rows)), replace=False)
        samples.append(torch.from_numpy(drawn).sort().values)
    return samples


def _name(backend: Backend) -> str:
    """Name a back-end, which Hydra gives as a partial function."""
    return backend.func.__name__ if isinstance(backend, partial) else backend.__name__


def _prefix_blocks(
    backend: Backend, attention: Any, x: Tensor, pos: Tensor, position: Any, queries: Tensor
) -> Iterator[RowBlock]:
    """Give the rows of the queries, from the tokens up to the last of them."""
    stop = int(queries[-1]) + 1  # no row sees later tokens
    return backend(attention, x[:, :stop], pos[:stop], position, queries.to(x.device))


def _block_sums(
    block: RowBlock, metrics: Sequence[Callable[[RowBlock], Tensor]], edges: Tensor
) -> Tensor:
    """Give sum, sum of squares and count of every metric, (3, metrics, H, bins) float64."""
    values = torch.stack([metric(block) for metric in metrics])  # (M, B, H, R)
    defined = ~values.isnan()
    values = values.masked_fill(~defined, 0.0)
    moments = torch.stack([values, values.square(), defined.double()]).sum(2)  # (3, M, H, R)
    # metrics of rows with L < 2 are NaN, so that the first bin only counts rows that belong there
    bins = torch.bucketize(visible_keys(block), edges.to(values.device), right=True) - 1
    sums = moments.new_zeros(*moments.shape[:-1], len(edges) - 1)
    return sums.index_add_(-1, bins.clamp(min=0), moments).cpu()


def _rows(sums: Tensor, metrics: list[str], edges: list[int]) -> list[dict[str, Any]]:
    """Turn the sums of a layer into table rows; a bin without a defined row has none."""
    _, _, num_heads, num_bins = sums.shape
    total, square, count = sums.tolist()
    return [
        {
            "head": head,
            "bin_lo": edges[b],
            "bin_hi": edges[b + 1],
            "metric": name,
            "sum": total[m][head][b],
            "sum_sq": square[m][head][b],
            "n_rows": int(count[m][head][b]),
        }
        for (m, name), head, b in product(enumerate(metrics), range(num_heads), range(num_bins))
        if count[m][head][b]
    ]
