"""Loss and accuracy of a trained decoder, against context length and against position.

Formula: fixed protocol: L(T) = sum_{t in last m} -log p(y_t | x_{T_max-T ... t}), where each
context ends at the end of the document, so that every T scores the same tokens;
curve protocol: the same sum over bins of t in one pass over the whole document.
Symbols: T context length, tokens; T_max the longest; N training length; m = half of the shortest
context, at most N/2: N/2 tokens unless a context shorter than N is asked for.
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


class _Scores(NamedTuple):
    loss: Tensor  # (documents, tokens) float64 nats
    correct: Tensor  # (documents, tokens) bool
    scored: Tensor  # (documents, tokens) bool


def sweep_lengths(
    model: Any,
    task: Any,
    extensions: Mapping[str, Callable[..., Any]],
    settings: Mapping[str, Any],
    tokens_per_batch: int,
    curve_extensions: Sequence[str],
) -> pl.DataFrame:
    """Evaluate every extension on every stream at every length: an `extrapolation` table."""
    lengths = context_lengths(settings, task.train_length)
    longest = lengths[-1]
    num_scored = max(1, min(task.train_length, lengths[0]) // 2)
    rows = []
    for stream in settings["streams"]:
        documents = task.documents(stream, 0, settings["documents"], longest)
        for name, extend in extensions.items():
            run = {"extension": name, "stream": stream, "bin_by": "position"}
            for length in lengths:
                # one pass serves both protocols at the longest length
                whole = length == longest and name in curve_extensions
                extended = extend(model, length=length)
                last = length if whole else num_scored
                scores = _score(extended, documents, length, last, tokens_per_batch)
                fixed = _pool(scores, last - num_scored, last)
                place = {"bin_lo": longest - num_scored, "bin_hi": longest}
                rows.append(run | {"protocol": "fixed", "length": length} | place | fixed)
                if whole:
                    curve = run | {"protocol": "curve", "length": length}
                    rows += [curve | part for part in _curve(scores, task.train_length)]
    return pl.DataFrame(rows, schema=empty("extrapolation").drop("variant", "seed").schema)


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


def _score(model: Any, documents: Batch, length: int, last: int, tokens_per_batch: int) -> _Scores:
    """Score the last tokens of every document in a context of the last `length` tokens."""
    size = max(1, tokens_per_batch // length)
    device = next(model.parameters(), torch.empty(0)).device
    parts = []
    for batch in zip(*(tensor.split(size) for tensor in documents), strict=True):
        tokens, labels = (tensor[:, -length:].to(device) for tensor in batch)
        labels = labels[:, -last:]
        logits = model(tokens, last=last)  # (B, last, V)
        loss = F.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="none", ignore_index=IGNORED
        )
        loss = loss.view_as(labels).double()
        scored = labels != IGNORED
        correct = (logits.argmax(-1) == labels) & ~loss.isnan() & scored
        parts.append(_Scores(loss.cpu(), correct.cpu(), scored.cpu()))
    return _Scores(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _curve(scores: _Scores, train_length: int) -> Iterator[dict[str, int | float]]:
    """Give the sums of every position bin that holds a scored token."""
    # an extension answers NaN where it makes no prediction: such tokens are not scored
    scores = scores._replace(scored=scores.scored & ~scores.loss.isnan())
    for low, high in pairwise(position_edges(scores.loss.shape[1], train_length)):
        if scores.scored[:, low:high].any():
            yield {"bin_lo": low, "bin_hi": high} | _pool(scores, low, high)


def _pool(scores: _Scores, low: int, high: int) -> dict[str, int | float]:
    """Sum over the documents and the tokens low ... high - 1."""
    loss, correct, scored = (part[:, low:high] for part in scores)
    present = scored.any(1)
    return {
        "n": int(scored.sum()),
        "loss_sum": float(loss[scored].sum()),
        "loss_sq": float(loss[scored].square().sum()),
        "correct": int(correct.sum()),
        "documents": int(present.sum()),
        "exact": int((present & (correct == scored).all(1)).sum()),
    }
