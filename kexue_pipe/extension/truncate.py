"""Truncation: the model is run anew on the last N tokens, and the rest is forgotten.

    logits_t = model(tokens[e-N:e])_{t-(e-N)},   e - N/2 <= t < e,   e = T, T - N/2, T - N, ...
    logits_t = model(tokens[:N])_t               for the t before the first e - N/2 >= N/2

    T  context length, N  training length, in tokens

What a user does without any method: whatever does not beat it has extrapolated nothing. Every token
is answered with at least N/2 tokens before it; the last N/2 tokens cost one window. Unlike a window
mask it lets nothing through from before the cut.

Source: the definition; it is the zero line of every context extension.
"""

from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Attention, Model


class Truncated(Model):
    """A model that reads at most N tokens at a time."""

    def __init__(self, model: Any, width: int):
        super().__init__()
        self.model = model
        self.width = width

    @property
    def attentions(self) -> list[Attention]:
        """None: over the whole context there are no attention rows."""
        return []

    def replace(self, **parts: Any) -> "Truncated":
        """Give a copy whose model has other parts."""
        return Truncated(self.model.replace(**parts), self.width)

    def attention_inputs(self, tokens: Tensor, pos: Tensor | None = None) -> list[Tensor]:
        """Give none, for the same reason."""
        return []

    def ids(self, tokens: Tensor, grids: Tensor | None = None) -> Tensor:
        """Give the position ids of the whole context, (T,) or (T, B, axes)."""
        return self.model.ids(tokens, grids)

    def forward(self, tokens: Tensor, pos: Tensor | None = None, last: int | None = None) -> Tensor:
        """Give logits (B, T or last, V), all windows of a document in one call."""
        B, T = tokens.shape
        N, step = self.width, max(1, self.width // 2)
        if T <= N:
            return self.model(tokens, pos, last=last)
        rows = T if last is None else last
        starts = list(range(T - N, 0, -step))[: -(-rows // step)][::-1]
        scored = step * len(starts)
        if scored < rows:  # the first window scores all tokens before those of the second
            starts = [0, *starts]
        windows = torch.stack([tokens[:, s : s + N] for s in starts], dim=1)  # (B, W, N)
        if pos is not None and pos.ndim == 3:  # ids of grids stay what they were
            pos = torch.stack([pos[s : s + N] for s in starts], dim=2).flatten(1, 2)
        else:
            pos = None if pos is None else pos[:N]
        kept = N if scored < rows else min(rows, step)
        logits = self.model(windows.flatten(0, 1), pos, last=kept).unflatten(0, (B, -1))
        if scored >= rows:
            return logits.flatten(1, 2)[:, -rows:]
        ends = logits[:, 1:, -step:].flatten(1, 2)
        return torch.cat((logits[:, 0, : T - scored], ends), dim=1)[:, -rows:]


def extend(model: Model, *, length: int, train_length: int) -> Model:
    """Cut the context to the last N tokens."""
    return model if length <= train_length else Truncated(model, train_length)
