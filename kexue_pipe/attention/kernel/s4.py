"""S4: every channel starts as a HiPPO memory, a diagonal plus a rank-one matrix.

    x' = (Lambda - P P^*) x + B u,   y = C x,   all of HiPPO-LegS at the start
    K^(z) = sum_t K_t z^t = h (k_CB - g k_CP k_PB / (1 + g k_PP)),   z = e^(-2 pi i l / T)
    k_XY = sum_n X_n Y_n / (1 - z - g Lambda_n),   C standing for C (I - A'^T) and P^* on the left
    g = h (s + (1 - s) z)

    Lambda, P, B, C  (N,) complex per channel in N/2 pairs of conjugates; C from N(0, 1)
    A'               of the recurrence x_t = A' x_(t-1) + B' u_t
    h                step of the channel, log-uniform at the start
    s                of the discretisation: 1/2 is bilinear
    T                length: the T-th roots of unity z give K_0 ... K_(T-1) by an inverse FFT

Source: Gu et al., "Efficiently Modeling Long Sequences with Structured State Spaces" (arXiv
2111.00396); Jianlin Su, "重温SSM(三):HiPPO的高效计算(S4)" (kexue.fm/archives/10162, 2024-06-20).

Departure: C is the parameter, where the paper learns C (I - A'^T), which is another filter at every
other length.
"""

from math import log

import numpy as np
import torch
from torch import Tensor, nn

from kexue_pipe.core.hippo import legs_normal
from kexue_pipe.core.state_space import Discretisation, Kernel


class S4(Kernel):
    """A diagonal plus rank-one state matrix per channel."""

    def __init__(self, *, width: int, state: int, step_min: float, step_max: float):
        super().__init__()
        self.step_min, self.step_max = step_min, step_max
        self.start = torch.from_numpy(np.stack(legs_normal(state)))  # Lambda, P, B
        self.log_step = nn.Parameter(torch.zeros(width))
        self.log_decay = nn.Parameter(torch.zeros(width, state // 2))
        self.frequency = nn.Parameter(torch.zeros(width, state // 2))
        self.vectors = nn.Parameter(torch.zeros(3, width, state // 2, 2))  # P, B, C

    def initialise(self, generator: torch.Generator) -> None:
        """Draw steps and output maps; start all channels at the same memory."""
        self.log_decay.copy_((-self.start[0].real).log().expand_as(self.log_decay))
        self.frequency.copy_(self.start[0].imag.expand_as(self.frequency))
        memory = torch.view_as_real(self.start[1:])[:, None]  # (2, 1, N/2, 2)
        self.vectors[:2].copy_(memory.expand_as(self.vectors[:2]))
        low, high = log(self.step_min), log(self.step_max)
        self.log_step.copy_(
            low + (high - low) * torch.rand(len(self.log_step), generator=generator)
        )
        drawn = torch.randn(self.vectors[2].shape, generator=generator)
        self.vectors[2].copy_(drawn / 2**0.5)

    def response(self, discretisation: Discretisation, length: int) -> Tensor:
        """Evaluate the generating function at the roots of unity, (C, T)."""
        lam, p, b, c = self.pairs()  # (C, N)
        advance = self._recurrence(discretisation)[0]
        faded = torch.linalg.matrix_power(advance, length)
        c = c - (c[:, None] @ faded)[:, 0]
        share, h = discretisation.share, self.log_step.exp()[:, None]
        turn = torch.arange(length // 2 + 1, dtype=h.dtype, device=h.device) / length
        z = torch.polar(torch.ones_like(turn), -2 * torch.pi * turn)
        g = h * (share + (1 - share) * z)  # (C, T/2 + 1)
        poles = 1 / (1 - z - g[:, None] * lam[..., None])  # (C, N, T/2 + 1)
        products = torch.stack((c * b, c * p, p.conj() * b, p.conj() * p))
        cb, cp, pb, pp = torch.einsum("kcn,cnt->kct", products, poles)
        return torch.fft.irfft(h * (cb - g * cp * pb / (1 + g * pp)), length)

    def init_state(self, batch: int) -> Tensor:
        """Give zeros, (B, C, N/2, 2)."""
        return self.vectors.new_zeros(batch, *self.vectors.shape[1:])

    def step(
        self, discretisation: Discretisation, u: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Multiply the state by the matrix, add the token."""
        advance, gain = self._recurrence(discretisation)
        half = torch.view_as_complex(state)
        x = torch.cat((half, half.conj()), dim=-1)  # (B, C, N)
        x = torch.einsum("cnm,bcm->bcn", advance, x) + gain * u[..., None]
        kept = torch.view_as_real(x[..., : half.shape[-1]])
        return (self.pairs()[3] * x).sum(-1).real, kept

    def pairs(self) -> list[Tensor]:
        """Give Lambda, P, B and C, (C, N) each: what is learned, and then its conjugates."""
        lam = torch.complex(-self.log_decay.exp(), self.frequency)
        halves = lam, *torch.view_as_complex(self.vectors)
        return [torch.cat((half, half.conj()), dim=-1) for half in halves]

    def _recurrence(self, discretisation: Discretisation) -> tuple[Tensor, Tensor]:
        lam, p, b, _ = self.pairs()
        share, h = discretisation.share, self.log_step.exp()[:, None]
        matrix = h[..., None] * (lam.diag_embed() - p[..., None] * p.conj()[:, None])  # (C, N, N)
        one = torch.eye(lam.shape[1], dtype=lam.dtype, device=lam.device)
        right = torch.cat((one + (1 - share) * matrix, (h * b)[..., None]), dim=-1)
        solved = torch.linalg.solve(one - share * matrix, right)
        return solved[..., :-1], solved[..., -1]
