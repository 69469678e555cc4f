"""FIRE: a learned function of the distance relative to the query's position, added to the scores.

    s_ij <- s_ij + f_h(x_ij),   x_ij = psi(i - j) / psi(max(L, i)),   psi(n) = ln(1 + |c| n)
    f_h(x) = sum_u W_hu relu(w_u x + b_u)

    s_ij  scaled score of query i and key j
    x_ij  progressive interpolation: in [0, 1] at any length
    c     learned, 0.1 at the start, 1 / token
    L     threshold |l| L_0, tokens: l learned, 1 at the start, L_0 = N/2; below L only distance
          counts, so that short contexts are not stretched
    f     map 1 -> U -> H, shared by all layers; w, b ~ U(-1, 1), W ~ N(0, 1/U) at the start

Source: Li et al., "Functional Interpolation for Relative Positions Improves Long Context
Transformers" (arXiv 2310.04418).

Departure: f has no bias at its output, which a softmax cannot see.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Position


class Fire(Position):
    """A small network of the normalised distance."""

    def __init__(
        self, *, num_heads: int, hidden: int, c: float, threshold: float, train_length: int
    ):
        super().__init__()
        self.start_c, self.start_threshold = c, threshold * train_length
        self.c = nn.Parameter(torch.tensor(float(c)))
        self.multiplier = nn.Parameter(torch.tensor(1.0))
        self.slope = nn.Parameter(torch.zeros(hidden))
        self.offset = nn.Parameter(torch.zeros(hidden))
        self.out = nn.Linear(hidden, num_heads, bias=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Set c and l, and draw w and b from U(-1, 1), as PyTorch draws a map of one number."""
        self.c.fill_(self.start_c)
        self.multiplier.fill_(1.0)
        slope, offset = 2 * torch.rand(2, len(self.slope), generator=generator) - 1
        self.slope.copy_(slope)
        self.offset.copy_(offset)

    def bias(self, q: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
        """Give f_h(x_ij), (1, H, T, S), with x = 0 for keys in the future."""
        pos_q, pos_k = pos_q.to(self.c.dtype), pos_k.to(self.c.dtype)
        distance = (pos_q[:, None] - pos_k).clamp(min=0)  # (T, S)
        reach = torch.maximum(self.multiplier.abs() * self.start_threshold, pos_q)  # (T,)
        x = (self.c.abs() * distance).log1p() / (self.c.abs() * reach).log1p()[:, None]
        units = torch.addcmul(self.offset[:, None], self.slope[:, None], x.flatten())
        bias = self.out.weight @ units.relu_()  # (H, T S)
        return bias.view(1, -1, *distance.shape).to(q.dtype)
