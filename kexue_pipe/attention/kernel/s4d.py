"""S4D: every channel is a sum of damped oscillations.

    K_t = 2 Re sum_n c_n B'_n A'_n^t,   A', B' = discretisation of (Lambda, 1) with step h
    lin     Lambda_n = -1/2 + i pi n           inv   -1/2 + i (N / pi) (N / (2n + 1) - 1)
    legs    the eigenvalues of the normal part of HiPPO-LegS        real  -(n + 1)

    Lambda  of x' = Lambda x + u, (N/2,) complex per channel; -exp(.) for the real part
    c       output map, N(0, 1) complex at the start, (N/2,)
    h       step of the channel, log-uniform at the start
    N       `state`, real numbers that decoding keeps per channel

Source: Gu et al., "On the Parameterization and Initialization of Diagonal State Space Models"
(arXiv 2206.11893); `real` is its control.

Departure: B is 1, as c and B only enter as a product.
"""

from math import isqrt, log

import numpy as np
import torch
from torch import Tensor, nn

from kexue_pipe.core.hippo import legs_normal
from kexue_pipe.core.state_space import Discretisation, Kernel


def eigenvalues(start: str, size: int) -> Tensor:
    """Give the eigenvalues of a start, (N/2,) complex."""
    n = np.arange(size // 2)
    starts = {
        "lin": -0.5 + 1j * np.pi * n,
        "inv": -0.5 + 1j * size / np.pi * (size / (2 * n + 1) - 1),
        "legs": legs_normal(size)[0],
        "real": -(n + 1.0) + 0j,
    }
    return torch.from_numpy(starts[start])


class S4D(Kernel):
    """Damped oscillations with learned frequencies, dampings and weights."""

    def __init__(self, *, width: int, state: int, start: str, step_min: float, step_max: float):
        super().__init__()
        self.start, self.state = start, state
        self.step_min, self.step_max = step_min, step_max
        self.log_step = nn.Parameter(torch.zeros(width))
        self.log_decay = nn.Parameter(torch.zeros(width, state // 2))
        self.frequency = nn.Parameter(torch.zeros(width, state // 2))
        self.readout = nn.Parameter(torch.zeros(width, state // 2, 2))  # c, real and imaginary

    def initialise(self, generator: torch.Generator) -> None:
        """Draw steps and weights; start all channels at the same eigenvalues."""
        start = eigenvalues(self.start, self.state)
        self.log_decay.copy_((-start.real).log().expand_as(self.log_decay))
        self.frequency.copy_(start.imag.expand_as(self.frequency))
        low, high = log(self.step_min), log(self.step_max)
        self.log_step.copy_(
            low + (high - low) * torch.rand(len(self.log_step), generator=generator)
        )
        self.readout.copy_(torch.randn(self.readout.shape, generator=generator) / 2**0.5)

    def response(self, discretisation: Discretisation, length: int) -> Tensor:
        """Sum the oscillations, (C, T)."""
        advance, weight = self._recurrence(discretisation)
        side = isqrt(length - 1) + 1
        index = torch.arange(side, device=advance.device)
        # A'^(side i + j) of two short tables of powers, which cost more than their products
        rows = weight[..., None] * advance[..., None] ** (side * index)  # (C, N/2, side)
        response = rows.mT @ advance[..., None] ** index  # (C, side, side)
        return 2 * response.real.flatten(1)[:, :length]

    def init_state(self, batch: int) -> Tensor:
        """Give zeros, (B, C, N/2, 2)."""
        return self.readout.new_zeros(batch, *self.readout.shape)

    def step(
        self, discretisation: Discretisation, u: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Turn and damp the state, add the token."""
        advance, weight = self._recurrence(discretisation)
        x = advance * torch.view_as_complex(state) + u[..., None]  # (B, C, N/2)
        return 2 * (weight * x).sum(-1).real, torch.view_as_real(x)

    def _recurrence(self, discretisation: Discretisation) -> tuple[Tensor, Tensor]:
        step = self.log_step.exp()[:, None]
        advance, gain = discretisation.diagonal(
            step * torch.complex(-self.log_decay.exp(), self.frequency)
        )
        return advance, torch.view_as_complex(self.readout) * gain * step  # (C, N/2)
