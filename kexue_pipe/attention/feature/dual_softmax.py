"""Dual softmax: queries are distributions over channels, keys over the past of each channel.

    phi(q) = softmax(q) over channels,   phi(k) = exp(k)

    q, k  query and key, (D,)

Source: Shen et al., "Efficient Attention: Attention with Linear Complexities" (arXiv 1812.01243);
Jianlin Su, "线性Attention的探索:Attention必须有个Softmax吗?" (kexue.fm/archives/7546, 2020-07-04).

Departure: the softmax over all positions of a key's channel would look into the future. Keys keep
its numerators, and rows are divided as a whole.
"""

from torch import Tensor

from kexue_pipe.core.linear_parts import Feature


class DualSoftmax(Feature):
    """softmax(q) and exp(k)."""

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise queries, exponentiate keys."""
        return q.softmax(dim=-1), k.exp()
