"""The evaluation of a trained decoder: length extrapolation and attention rows, one call per seed.

The protocols stand in `length_sweep` and `attention_statistics`. `extensions` maps a name to
(model, length) -> model, `metrics` a name to RowBlock -> (B, H, R).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.model.attention_statistics import attention_statistics
from kexue_pipe.model.length_sweep import context_lengths, sweep_lengths


def evaluate(
    *,
    model: nn.Module,
    task: Any,
    extensions: Mapping[str, Callable[..., Any]],
    metrics: Mapping[str, Callable[[RowBlock], Tensor]],
    settings: Mapping[str, Any],
    tokens_per_batch: int,
    curve_extensions: Sequence[str],
    attention_extensions: Sequence[str],
    attention_documents: int,
    rows_per_bin: int,
) -> dict[str, pl.DataFrame]:
    """Give the `extrapolation` and `attention` tables of one checkpoint, without variant, seed."""
    longest = context_lengths(settings, task.train_length)[-1]
    device = next(model.parameters(), torch.empty(0)).device
    stream, count = settings["streams"][0], min(attention_documents, settings["documents"])
    tokens = task.documents(stream, 0, count, longest).inputs.to(device)
    measured = {name: extensions[name] for name in attention_extensions if name in extensions}
    model.eval()
    with torch.no_grad():
        return {
            "extrapolation": sweep_lengths(
                model, task, extensions, settings, tokens_per_batch, curve_extensions
            ),
            "attention": attention_statistics(model, tokens, measured, metrics, rows_per_bin),
        }
