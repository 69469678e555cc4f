"""The evaluation of a trained decoder: length extrapolation and attention rows, one call per seed.

The protocols stand in `length_sweep`, `attention_statistics` and `matrix_ranks`. `extension` maps a
name to (model, length) -> model, `decode` is one such transform of every extended model, `backend`
gives the RowBlocks of an attention, and `metric` maps a name to RowBlock -> (B, H, R). The tables
lack the columns variant and seed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Batch, RowBlock
from kexue_pipe.model.attention_statistics import Backend, attention_statistics
from kexue_pipe.model.length_sweep import Transform, context_lengths, sweep_lengths
from kexue_pipe.model.matrix_ranks import matrix_ranks


def evaluate(
    *,
    model: nn.Module,
    task: Any,
    extension: Mapping[str, Transform],
    decode: Transform,
    backend: Backend,
    metric: Mapping[str, Callable[[RowBlock], Tensor]],
    settings: Mapping[str, Any],
    tokens_per_batch: int,
    clipped: Sequence[str],
    curve_extensions: Sequence[str],
    attention_extensions: Sequence[str],
    attention_documents: int,
    rows_per_bin: int,
) -> dict[str, pl.DataFrame]:
    """Give the tables `extrapolation`, `levels` and `attention` of one checkpoint."""
    swept = dict(extension) | {f"{name}+logn_clip": _clip(extension, name) for name in clipped}
    longest = context_lengths(settings, task.train_length)[-1]
    device = next(model.parameters(), torch.empty(0)).device
    stream, count = settings["streams"][0], min(attention_documents, settings["documents"])

    def drawn(length: int) -> Batch:
        return task.documents(stream, 0, count, length).map(lambda tensor: tensor.to(device))

    measured = {name: swept[name] for name in attention_extensions if name in swept}
    model.eval()
    with torch.no_grad():
        sweep = sweep_lengths(
            model, task, swept, decode, settings, tokens_per_batch, curve_extensions
        )
        rows = attention_statistics(model, drawn(longest), measured, metric, rows_per_bin, backend)
        ranks = matrix_ranks(model, drawn(task.train_length), measured)
    return sweep | {"attention": pl.concat([rows, ranks])}


def _clip(extensions: Mapping[str, Transform], name: str) -> Transform:
    """Give an extension with clipped log n scores on top."""
    for needed in (name, "logn_clip"):
        if needed not in extensions:
            raise ValueError(
                f"model.evaluate.clipped={name} needs the extensions {name} and logn_clip; this "
                f"variant has {', '.join(extensions)}"
            )

    def extend(model: Any, *, length: int) -> Any:
        return extensions["logn_clip"](extensions[name](model, length=length), length=length)

    return extend
