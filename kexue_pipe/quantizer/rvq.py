"""Residual quantisation: each stage quantises what the stages before it left over.

    r_0 = z,   q_m = Q_m(r_{m-1}),   r_m = r_{m-1} - sg q_m,   m = 1 ... M
    z_q = z + sg(q - z),   q = sum_m q_m,   aux = sum_m aux_m
    index = sum_m k_m k^(m - 1),   k = K^(1 / M)

z (N, D) are N latents of D numbers, Q_m is a quantizer (`book`) with k codes k_m, first stage
fastest in the joint index, sg stops the gradient: K codes cost M k rows. There is one estimator,
around the sum. One around each stage would give the encoder M times the gradient. Stats are means
over the stages that ran.

`prefix_dropout` is the probability that a training step runs only the first m stages, m uniform in
1 ... M, so that a prefix of the code can be decoded; the digits of the others are 0 then.

Source: "SoundStream: An End-to-End Neural Audio Codec" (2107.03312); "Autoregressive Image
Generation using Residual Quantization" (2203.01941).
Departure from common code, which adds up M straight-through outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.digits import joint, root, split
from kexue_pipe.core.straight_through import Estimator


@dataclass
class Rows:
    """What a stage gives on: its rows with their own gradient, and none for its input."""

    trains_table: bool

    def __call__(self, z: Tensor, q: Tensor, generator: torch.Generator, training: bool) -> Tensor:
        """Give the rows."""
        return q


class RVQ(Quantizer):
    """Quantizers one after another."""

    def __init__(
        self,
        *,
        K: int,
        D: int,
        depth: int,
        prefix_dropout: float,
        estimator: Estimator,
        book: Callable[..., Quantizer],
    ) -> None:
        super().__init__()
        k = root(K, depth)
        if k is None:
            raise ValueError(f"K={K} is no whole number to the power of depth={depth}")
        self.dim, self.num_codes, self.digits = D, K, (k,) * depth
        self.prefix_dropout, self.estimator = prefix_dropout, estimator
        rows = Rows(estimator.trains_table)
        books = [book(K=k, D=D, estimator=rows) for _ in range(depth)]
        self.books: Any = nn.ModuleList(books)
        self.logged = books[0].logged

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Quantise the residuals in turn and put one estimator around the sum."""
        outs: list[QuantizerOutput] = []
        rest = z
        for book in self.books[: self._stages(generator)]:
            outs.append(book(rest, generator, progress))
            rest = rest - outs[-1].q
        q = _total([out.z_q for out in outs])
        z_q = self.estimator(z, q, generator, self.training)
        digits = [out.index for out in outs]
        digits += [torch.zeros_like(digits[0])] * (len(self.books) - len(outs))
        aux = _total([out.aux for out in outs])
        stats = {k: sum(o.stats[k] for o in outs) / len(outs) for k in outs[0].stats}
        return QuantizerOutput(z_q, joint(digits, self.digits), aux, z, q.detach(), stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, (N, D) -> (N,)."""
        digits = []
        for book in self.books:
            digits.append(book.encode(z))
            z = z - book.decode(digits[-1])
        return joint(digits, self.digits)

    def decode(self, index: Tensor) -> Tensor:
        """Give the sum of the rows of each joint index, (N,) -> (N, D)."""
        parts = zip(self.books, split(index, self.digits), strict=True)
        return _total([book.decode(digit) for book, digit in parts])

    def _stages(self, generator: torch.Generator) -> int:
        M = len(self.books)
        if not (self.training and self.prefix_dropout):
            return M
        drop, stage = torch.rand(2, generator=generator, device=generator.device).tolist()
        return 1 + int(stage * M) if drop < self.prefix_dropout else M


def _total(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(0)
