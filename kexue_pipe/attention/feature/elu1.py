"""The feature map elu + 1: positive everywhere, linear to the right, exponential to the left.

    phi(x) = 1 + x  where x > 0,   exp(x)  elsewhere, channel by channel

    x  one channel of a query or key

Source: Katharopoulos et al., "Transformers are RNNs: Fast Autoregressive Transformers with Linear
Attention" (arXiv 2006.16236).
"""

from torch import Tensor
from torch.nn.functional import elu

from kexue_pipe.core.linear_parts import Feature


class Elu1(Feature):
    """elu(x) + 1; in float32 it is zero where x < -17."""

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Map each channel by itself."""
        return elu(q) + 1, elu(k) + 1
