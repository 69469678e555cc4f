"""The feature map ReLU: channels are switched off one by one, and rows may be sparse.

    phi(x) = max(x, 0) + eps, channel by channel

    x    one channel of a query or key
    eps  keeps the sum of a row positive

Source: Choromanski et al., "Rethinking Attention with Performers" (arXiv 2009.14794), the
generalised attention "Performer-ReLU" without random projections; eps as in its code.
"""

from torch import Tensor, relu

from kexue_pipe.core.linear_parts import Feature


class Relu(Feature):
    """max(x, 0) + eps."""

    def __init__(self, *, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Map each channel by itself."""
        return relu(q) + self.eps, relu(k) + self.eps
