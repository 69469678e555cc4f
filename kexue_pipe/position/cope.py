"""CoPE: positions are counted by gates that the content opens, and added to the scores.

    s_ij = q_i . k_j / sqrt(D) + (1 - w) q_i . e[m] + w q_i . e[m + 1]
    p_ij = min(p_max, sum_{t=j..i} g_it),  g_it = sigmoid(q_i . k_t / sqrt(D))
    m = floor(p_ij),  w = p_ij - m

    q_i, k_j  query and key, (D,); only keys up to the query's own count
    g_it      gate of key t as query i sees it; its own is among them, so open gates give i - j + 1
    p_ij      contextual position, 0 ... p_max, in counted tokens
    e         table, (p_max + 1, D), shared by all heads, zero at the start
    p_max     N/2 unless given: what gates of 1/2 count in a training window of N tokens

Source: Golovneva et al., "Contextual Position Encoding: Learning to Count What's Important"
(arXiv 2405.18719).

Departures: all layers share one table, the paper has one per layer. The scores arrive scaled, and
e is read by sqrt(D) times the scaled query: a temperature of the attention also acts on it.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position


class Cope(Position):
    """Contextual positions, interpolated between the rows of a learned table."""

    def __init__(self, *, head_width: int, p_max: int | None, train_length: int):
        super().__init__()
        self.p_max = max(1, train_length // 2) if p_max is None else int(p_max)
        self.table = nn.Parameter(torch.zeros(self.p_max + 1, head_width))

    def initialise(self, generator: torch.Generator) -> None:
        """Set the table to zero."""
        self.table.zero_()

    def scores(self, q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give q.k plus the score of the contextual position, (B, H, T, S)."""
        # keys in reverse: the sum runs from the query back to the key, where it keeps its digits
        content = q @ k.flip(-2).mT  # (B, H, T, S)
        gates = content.sigmoid() * (pos_q[:, None] >= pos_k.flip(0))
        position = gates.cumsum(-1).clamp(max=self.p_max)
        row = position.detach().long().clamp(max=self.p_max - 1)
        rows = (q * q.shape[-1] ** 0.5) @ self.table.T  # (B, H, T, p_max + 1)
        contextual = torch.lerp(rows.gather(-1, row), rows.gather(-1, row + 1), position - row)
        return (content + contextual).flip(-1)
