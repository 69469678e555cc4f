"""Truncation: the model is run anew on the last N tokens, and the rest is forgotten.

    logits_t = model(tokens[T-N:])_{t-(T-N)}   for t >= T - N,   undefined (NaN) before

    T  context length, N  training length, in tokens

What a user does without any method: whatever does not beat it has extrapolated nothing. Unlike a
window mask it lets nothing through from before the cut.

Source: the definition; it is the zero line of every context extension.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from kexue_pipe.core.contracts import Attention, Model


class Truncated(Model):
    """A model that only reads the end of its context."""

    def __init__(self, model: Any, width: int):
        super().__init__()
        self.model = model
        self.width = width

    @property
    def attentions(self) -> list[Attention]:
        """None: over the whole context there are no attention rows."""
        return []

    def attention_inputs(self, tokens: Tensor, pos: Tensor | None = None) -> list[Tensor]:
        """Give none, for the same reason."""
        return []

    def forward(self, tokens: Tensor, pos: Tensor | None = None, last: int | None = None) -> Tensor:
        """Give logits (B, T or last, V), NaN before the cut."""
        rows = tokens.shape[1] if last is None else last
        kept = min(rows, self.width, tokens.shape[1])
        pos = None if pos is None else pos[: self.width]
        logits = self.model(tokens[:, -self.width :], pos, last=kept)  # (B, kept, V)
        return pad(logits, (0, 0, rows - kept, 0), value=torch.nan)


def extend(model: Model, *, length: int, train_length: int) -> Model:
    """Cut the context to the last N tokens."""
    return model if length <= train_length else Truncated(model, train_length)
