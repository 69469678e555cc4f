"""No feature map: queries meet keys as they are, scaled as in softmax attention.

    phi(x) = D^(-1/4) x,   so that  phi(q) . phi(k) = q . k / sqrt(D)

    x  query or key, (D,)

Source: Sun et al., "Retentive Network: A Successor to Transformer for Large Language Models"
(arXiv 2307.08621), which scales the keys by D^(-1/2).
"""

from torch import Tensor

from kexue_pipe.core.linear_parts import Feature


class Identity(Feature):
    """The scaled identity; products of any sign."""

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Scale queries and keys alike."""
        factor = q.shape[-1] ** -0.25
        return q * factor, k * factor
