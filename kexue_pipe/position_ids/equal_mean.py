"""Equal-mean random ids: a training document is stretched to a random length with mean N.

    training:  pos_i = n i / (T - 1),   i = 0 ... T - 1,   n random with mean N,  once per batch
    test:      pos_i = i

    exponential  n = -N ln u;                        any length has some chance
    bounded      n = M N (1 - u^(1 / (M - 1)));      n / (M N) ~ Beta(1, M - 1),  n < M N

    N  training length, tokens;    u  uniform on (0, 1);    M  `max_factor`

On average the places are those of a plain sequence, so test ids need no change, yet far places are
visited. Ids are no whole numbers: the position must be a function of them.

Source: Jianlin Su, "Transformer升级之路:8、长度外推性与位置鲁棒性" (kexue.fm/archives/9444,
2023-01-31).

Departure: of the Beta laws it is the one that tends to the exponential one as M grows.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import PositionIds


class EqualMean(PositionIds):
    """Ids of even, random spacing in training, and plain ones at test time."""

    def __init__(self, *, train_length: int, max_factor: float | None):
        super().__init__()
        self.train_length = train_length
        self.max_factor = max_factor

    def forward(
        self, index: Tensor, grids: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """Give the stretched indices in training, (T,), and the indices without a generator."""
        if generator is None:
            return index.float()
        u = torch.rand((), dtype=torch.float64, generator=generator, device=generator.device)
        u = 1 - u  # on (0, 1]
        M = self.max_factor
        relative = -u.log() if M is None else M * (1 - u ** (1 / (M - 1)))  # n / N
        step = self.train_length * relative / max(len(index) - 1, 1)
        return (step.to(index.device) * index).float()
