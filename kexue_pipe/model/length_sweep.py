"""Loss and accuracy of a trained decoder, against context length, position, lag and depth.

Formula: `fixed` protocol: L(T) = sum_{t in last m} -log p(y_t | x_{T_max-T ... t}), where each
context ends at the end of the document, so that every T scores the same tokens;
`whole` protocol, for tasks whose documents of another length are other documents: the same sum over
all scored tokens of documents of T tokens;
`curve` protocol: the same sum over bins of t in one pass over the longest document of `fixed`.
Symbols: T context length, tokens; T_max the longest; N training length; m = half of the shortest
context, at most N/2: N/2 tokens unless a context shorter than N is asked for. The lag of a scored
token is how many tokens back its answer stands, its depth where that is in the context, in tenths.
Source: Transformer升级之路:16、“复盘”长度外推技术 (post 9948, 2024-01-26): the same last tokens
at every length; Press et al., Train Short, Test Long, arXiv 2108.12409: loss by position.
Departures: m is N/2 instead of N, so that also at T = N each scored token has N/2 tokens before it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.contracts import IGNORED, Batch
from kexue_pipe.core.tables import empty

Transform = Callable[..., Any]  # (model, *, length) -> model
Row = dict[str, Any]


class _Scores(NamedTuple):
    loss: Tensor  # (documents, tokens) float64 nats
    correct: Tensor  # (documents, tokens) bool
    scored: Tensor  # (documents, tokens) bool


def sweep_lengths(
    model: Any,
    task: Any,
    extensions: Mapping[str, Transform],
    decode: Transform,
    settings: Mapping[str, Any],
    tokens_per_batch: int,
    curve_extensions: Sequence[str],
) -> dict[str, pl.DataFrame]:
    """Evaluate every extension on every stream at every length: `extrapolation` and `levels`."""
    lengths = context_lengths(settings, task.train_length)
    protocol = "fixed" if task.fixed_targets else "whole"
    rows: list[Row] = []
    levels: list[Row] = []
    for stream in settings["streams"]:
        for length, documents, last in _contexts(task, stream, settings["documents"], lengths):
            place = {"stream": stream, "length": length}
            for level, (loss, accuracy) in task.levels(documents, last).items():
                levels.append(place | {"level": level, "loss": loss, "accuracy": accuracy})
            for name, extend in extensions.items():
                # one pass serves both protocols at the longest length
                longest = task.fixed_targets and length == lengths[-1]
                rows_read = length if longest and name in curve_extensions else last
                extended = decode(extend(model, length=length), length=length)
                scores = _score(extended, documents, rows_read, tokens_per_batch)
                run = place | {"extension": name}
                end = lengths[-1] if task.fixed_targets else length
                rows += [run | row for row in _sweep_rows(scores, documents, last, end, protocol)]
                if rows_read > last:
                    rows += [run | row for row in _curve(scores, task.train_length)]
    return {"extrapolation": _table("extrapolation", rows), "levels": _table("levels", levels)}


def context_lengths(settings: Mapping[str, Any], train_length: int) -> list[int]:
    """Give the asked context lengths in order, or N, 2 N, 4 N, ... max_factor N."""
    if settings["lengths"] is not None:
        return sorted(set(settings["lengths"]))
    return [train_length << k for k in range(settings["max_factor"].bit_length())]


def position_edges(length: int, train_length: int) -> list[int]:
    """Give the edges of position bins: N/4 apart up to 4 N, twice as far in each next octave."""
    edges, width = [0], max(1, train_length // 4)
    while edges[-1] < length:
        if edges[-1] >= 16 * width:
            width *= 2
        edges.append(min(edges[-1] + width, length))
    return edges


def _contexts(
    task: Any, stream: str, count: int, lengths: list[int]
) -> Iterator[tuple[int, Batch, int]]:
    """Yield each context length with its documents and how many last tokens are scored."""
    if task.fixed_targets:
        longest = task.documents(stream, 0, count, lengths[-1])
        last = max(1, min(task.train_length, lengths[0]) // 2)
        for length in lengths:
            yield length, _cut(longest, length), last
        return
    for length in lengths:
        documents = task.documents(stream, 0, count, length)
        first = int((documents.targets != IGNORED).any(0).nonzero()[0])
        yield length, documents, length - first


def _cut(documents: Batch, length: int) -> Batch:
    return documents.map(lambda tensor: tensor[:, -length:])


def _score(model: Any, documents: Batch, last: int, tokens_per_batch: int) -> _Scores:
    """Score the last tokens of every document."""
    count, length = documents.inputs.shape
    size = max(1, tokens_per_batch // length)
    device = next(model.parameters(), torch.empty(0)).device
    parts = []
    for start in range(0, count, size):
        rows = slice(start, start + size)
        batch = documents.map(lambda tensor, rows=rows: tensor[rows].to(device))  # type: ignore[misc]
        pos = None if batch.grids is None else model.ids(batch.inputs, batch.grids)
        labels = batch.targets[:, -last:]
        logits = model(batch.inputs, pos, last=last)  # (B, last, V)
        loss = F.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="none", ignore_index=IGNORED
        )
        loss = loss.view_as(labels).double()
        scored = labels != IGNORED
        correct = (logits.argmax(-1) == labels) & ~loss.isnan() & scored
        parts.append(_Scores(loss.cpu(), correct.cpu(), scored.cpu()))
    return _Scores(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _sweep_rows(
    scores: _Scores, documents: Batch, last: int, end: int, protocol: str
) -> Iterator[Row]:
    """Give the sums of the last tokens: all of them, then by lag and by depth where these exist."""
    scores = _Scores(*(part[:, -last:] for part in scores))
    run = {"protocol": protocol, "bin_by": "position"}
    yield run | {"bin_lo": end - last, "bin_hi": end} | _pool(scores)
    if documents.lags is None:
        return
    lags, length = documents.lags[:, -last:], documents.inputs.shape[1]
    octaves = [1 << k for k in range(int(lags.max().clamp(min=1)).bit_length() + 1)]
    yield from _binned(scores, lags, octaves, run | {"bin_by": "lag"})
    depth = (torch.arange(length - last, length) - lags) * 10 // length  # < 0: before the context
    yield from _binned(scores, depth, range(11), run | {"bin_by": "depth"})


def _binned(scores: _Scores, value: Tensor, edges: Sequence[int], run: Row) -> Iterator[Row]:
    """Give the sums of every bin of a value per token that holds a scored token."""
    for low, high in pairwise(edges):
        inside = scores.scored & (value >= low) & (value < high)
        if inside.any():
            yield run | {"bin_lo": low, "bin_hi": high} | _pool(scores._replace(scored=inside))


def _curve(scores: _Scores, train_length: int) -> Iterator[Row]:
    """Give the sums of every position bin that holds a scored token."""
    length = scores.loss.shape[1]
    edges = position_edges(length, train_length)
    run = {"protocol": "curve", "bin_by": "position"}
    yield from _binned(scores, torch.arange(length).expand_as(scores.loss), edges, run)


def _pool(scores: _Scores) -> Row:
    """Sum over the scored tokens."""
    loss, correct, scored = scores
    present, correct = scored.any(1), correct & scored
    return {
        "n": int(scored.sum()),
        "loss_sum": float(loss[scored].sum()),
        "loss_sq": float(loss[scored].square().sum()),
        "correct": int(correct.sum()),
        "documents": int(present.sum()),
        "exact": int((present & (correct == scored).all(1)).sum()),
    }


def _table(kind: str, rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=empty(kind).drop("variant", "seed", strict=False).schema)
