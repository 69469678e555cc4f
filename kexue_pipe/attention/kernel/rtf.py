"""RTF: every channel is a rational transfer function, learned by its coefficients.

    K^(z) = (b_1 + b_2 z + ... + b_N z^(N-1)) / (1 + a_1 z + ... + a_N z^N),   z = e^(-2 pi i l / L)
    x_t = [u_t - a . x_(t-1) ; x_(t-1) without its last],   y_t = C . x_t,   C = b (I - A^L)^-1

    a, b  learned, (N,) per channel;  A  companion matrix of a, (N, N);  x  state, (N,)
    L     `length`: an inverse FFT gives K_0 ... K_(L-1), at a cost that N does not enter

At the L-th roots of unity responses beyond L are folded into the kernel: the same a and b with
another L are another filter. So L stays that of training, and other lengths T have the numerator
C (I - A^T), the filter of the same C.

Source: Parnichkun et al., "State-Free Inference of State-Space Models: The Transfer Function
Approach" (arXiv 2405.06147), whose code works at lengths up to L alone; Jianlin Su,
"重温SSM(四):有理生成函数的新视角" (kexue.fm/archives/10180, 2024-06-27), whose indices these are.

Departures: b starts at N(0, 1 / N), not 0, where a has no gradient; a is shrunk to sizes that add
up to 1 - 1 / L where they exceed that, by which states fade and the FFT divides by no 0
(`stability` l1; none is the paper's default).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from kexue_pipe.core.state_space import Discretisation, Kernel


class RTF(Kernel):
    """A quotient of two polynomials per channel."""

    def __init__(self, *, width: int, state: int, length: int, stability: str):
        super().__init__()
        self.length = length
        self.bounded = stability == "l1"
        self.denominator = nn.Parameter(torch.zeros(width, state))
        self.numerator = nn.Parameter(torch.zeros(width, state))

    def initialise(self, generator: torch.Generator) -> None:
        """Start at a sum of the last N tokens, with random weights."""
        self.denominator.zero_()
        drawn = torch.randn(self.numerator.shape, generator=generator)
        self.numerator.copy_(drawn * self.numerator.shape[1] ** -0.5)

    def response(self, discretisation: Discretisation, length: int) -> Tensor:
        """Evaluate the quotient at roots of unity, (C, T)."""
        if length == self.length:
            return self.folded(self.numerator, length)
        size = max(length, self.numerator.shape[1] + 1)
        readout = self._readout()[:, None]
        faded = torch.linalg.matrix_power(self._companion(), size)
        return self.folded((readout - readout @ faded)[:, 0], size)[:, :length]

    def folded(self, numerator: Tensor, length: int) -> Tensor:
        """Give the kernel of a numerator, with what is beyond the length folded into it."""
        below = torch.fft.rfft(pad(self._a(), (1, 0), value=1.0), length)
        return torch.fft.irfft(torch.fft.rfft(numerator, length) / below, length)

    def init_state(self, batch: int) -> Tensor:
        """Give zeros, (B, C, N)."""
        return self.numerator.new_zeros(batch, *self.numerator.shape)

    def step(
        self, discretisation: Discretisation, u: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Push the token, less what the denominator remembers, on the state."""
        first = u - (self._a() * state).sum(-1)
        x = torch.cat((first[..., None], state[..., :-1]), dim=-1)
        return (self._readout() * x).sum(-1), x

    def _a(self) -> Tensor:
        a, largest = self.denominator, 1 - 1 / self.length
        return a / (a.abs().sum(-1, keepdim=True) / largest).clamp(min=1) if self.bounded else a

    def _companion(self) -> Tensor:
        a = self._a()
        shift = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)[:-1]
        return torch.cat((-a[:, None], shift.expand(len(a), -1, -1)), dim=1)  # (C, N, N)

    def _readout(self) -> Tensor:
        one = torch.eye(self.numerator.shape[1], dtype=self.numerator.dtype).to(self.numerator)
        faded = torch.linalg.matrix_power(self._companion(), self.length)
        return torch.linalg.solve(one - faded, self.numerator[:, None], left=False)[:, 0]
