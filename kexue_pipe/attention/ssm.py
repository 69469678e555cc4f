"""State-space mixing: every channel is filtered by a kernel of its own, then channels are mixed.

    y_i = sum_{j<=i} K_(i-j) u_j + d u_i,   out = W_1 gelu(y) * sigmoid(W_2 gelu(y))

    u, y    a channel before and after
    K       kernel of the channel, (T,); its recurrence decodes with a state of fixed size
    d       learned skip of the channel, N(0, 1) at the start
    W_1, 2  (C, C), no biases

Rows are those of the filters: channels stand for heads, and coefficients have any sign. All T
outputs take two products by FFT, over 2 T tokens, so that nothing wraps around.

Source: Gu et al., "Efficiently Modeling Long Sequences with Structured State Spaces" (arXiv
2111.00396); each kernel names its own. Jianlin Su, "重温SSM(一):线性系统和HiPPO矩阵"
(kexue.fm/archives/10114, 2024-05-24) and the three posts that follow it.

Departure: no parameter has a learning rate or a weight decay of its own.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, glu

from kexue_pipe.core.attention_parts import row_slices
from kexue_pipe.core.contracts import Attention, Position, RowBlock, State
from kexue_pipe.core.share import share
from kexue_pipe.core.state_space import Discretisation, Kernel


class Skip(nn.Module):
    """What each channel passes on as it is."""

    def __init__(self, width: int):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(width))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the gains from N(0, 1)."""
        self.gain.copy_(torch.randn(self.gain.shape, generator=generator))


class StateSpace(Attention):
    """A sequence mixer whose rows depend on the distance alone, not on the tokens."""

    def __init__(self, *, width: int, kernel: Kernel, discretisation: Discretisation):
        super().__init__()
        self.kernel = kernel
        self.discretisation = discretisation
        self.skip = Skip(width)
        self.out = nn.Linear(width, 2 * width, bias=False)

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens by FFT."""
        return self.last_rows(x, pos, position, x.shape[1])

    def last_rows(self, x: Tensor, pos: Tensor, position: Position, last: int) -> Tensor:
        """Give the last rows: all are filtered, and the last ones mixed."""
        u, T = x.mT, x.shape[1]  # (B, C, T)
        spectra = torch.fft.rfft(u, 2 * T) * torch.fft.rfft(self._response(T), 2 * T)
        return self._mix(torch.fft.irfft(spectra, 2 * T)[..., T - last : T].mT)

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the rows of query indices, equal for all sequences of the batch."""
        B, T, C = x.shape
        response, index = self._response(T), torch.arange(T, device=x.device)
        for rows in row_slices(len(queries), B * C * T):
            keys = slice(0, int(queries[rows].max()) + 1)
            lags = queries[rows][:, None] - index[keys]  # (R, S)
            weights = response[:, lags.clamp(min=0)].masked_fill(lags < 0, 0.0)  # (C, R, S)
            values = x.mT[..., keys, None]  # (B, C, S, 1)
            yield RowBlock(queries[rows], lags >= 0, weights.expand(B, -1, -1, -1), values, False)

    def init_state(self, batch: int) -> State:
        """Give the state of the kernel."""
        return (self.kernel.init_state(batch),)

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Advance the recurrence by a token."""
        u = x[:, 0]
        y, kept = self.kernel.step(self.discretisation, u, state[0])
        return self._mix(y + self.skip.gain * u)[:, None], (kept,)

    def merge(self, mixed: Tensor) -> Tensor:
        """Mix the channels."""
        return self._mix(mixed[..., 0].mT)

    def replace(self, **parts: Any) -> "StateSpace":
        """Give a copy that shares all parameters and has other parts."""
        return share(self, **parts)

    def cache_elements_per_token(self) -> int:
        """Count nothing: the past is in the state."""
        return 0

    def state_elements(self) -> int:
        """Count the state of all channels."""
        return self.kernel.init_state(1).numel()

    def _response(self, length: int) -> Tensor:
        response = self.kernel.response(self.discretisation, length)
        first = response[:, :1] + self.skip.gain[:, None]
        return torch.cat((first, response[:, 1:]), dim=1)

    def _mix(self, y: Tensor) -> Tensor:
        return glu(self.out(gelu(y)))
