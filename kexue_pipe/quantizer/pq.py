"""Product quantisation: the latent is cut into slices, and each has a table of its own.

    z = (z_1, ..., z_G),   z_q = (Q_1(z_1), ..., Q_G(z_G)),   aux = mean_g aux_g
    index = sum_g k_g k^(g - 1),   k = K^(1 / G)

z (N, D) are N latents of D numbers, each slice has D / G of them, Q_g is a quantizer (`book`) with
k codes k_g, first slice fastest in the joint index. K codes cost G k rows. The slices know nothing
of each other: this is G quantizers side by side, and aux is still a mean over N D numbers. Stats
are means over the slices.

Source: Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search" (2011); the groups
of "vq-wav2vec" (1910.05453).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.digits import joint, root, split
from kexue_pipe.core.straight_through import Estimator


class PQ(Quantizer):
    """Quantizers side by side."""

    def __init__(
        self, *, K: int, D: int, groups: int, estimator: Estimator, book: Callable[..., Quantizer]
    ) -> None:
        super().__init__()
        if D % groups:
            raise ValueError(f"D={D} cannot be cut into groups={groups} slices of equal width")
        k = root(K, groups)
        if k is None:
            raise ValueError(f"K={K} is no whole number to the power of groups={groups}")
        self.dim, self.num_codes, self.digits = D, K, (k,) * groups
        books = [book(K=k, D=D // groups, estimator=estimator) for _ in range(groups)]
        self.books: Any = nn.ModuleList(books)
        self.logged = books[0].logged

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Quantise each slice by its own table."""
        outs = [
            b(part, generator, progress) for b, part in zip(self.books, self._cut(z), strict=True)
        ]
        z_q, z_in, q = (
            torch.cat([getattr(out, name) for out in outs], 1) for name in ("z_q", "z_in", "q")
        )
        aux = torch.stack([out.aux for out in outs]).mean()
        stats = {k: sum(o.stats[k] for o in outs) / len(outs) for k in outs[0].stats}
        index = joint([out.index for out in outs], self.digits)
        return QuantizerOutput(z_q, index, aux, z_in, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, (N, D) -> (N,)."""
        parts = zip(self.books, self._cut(z), strict=True)
        return joint([book.encode(part) for book, part in parts], self.digits)

    def decode(self, index: Tensor) -> Tensor:
        """Give the value of each joint index, (N,) -> (N, D)."""
        parts = zip(self.books, split(index, self.digits), strict=True)
        return torch.cat([book.decode(digit) for book, digit in parts], 1)

    def _cut(self, z: Tensor) -> list[Tensor]:
        return [part.contiguous() for part in z.chunk(len(self.books), dim=1)]
