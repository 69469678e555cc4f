"""The feature map exp: positive everywhere, and concentrated on the largest channels.

    phi(x) = exp(x), channel by channel

    x  one channel of a query or key

Source: Jianlin Su, "线性Attention的探索:Attention必须有个Softmax吗?" (kexue.fm/archives/7546,
2020-07-04), which asks of a feature map that it is not negative.
"""

from torch import Tensor

from kexue_pipe.core.linear_parts import Feature


class Exp(Feature):
    """exp(x)."""

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Map each channel by itself."""
        return q.exp(), k.exp()
