"""A norm of each head's mixed value: rows need not be positive, nor of any size.

    o <- g o / rms(o)

    o  mixed value of a head, (D,)
    g  learned gain, (D,), shared by the heads; 1 at the start

Source: Sun et al., "Retentive Network: A Successor to Transformer for Large Language Models"
(arXiv 2307.08621), which calls it a group norm; Yang et al. (arXiv 2312.06635) with a gain.
"""

from torch import Tensor, nn

from kexue_pipe.core.linear_parts import Readout

_EPS = 1e-6


class HeadNorm(Readout):
    """RMSNorm over the channels of a head."""

    def __init__(self, *, head_width: int):
        super().__init__()
        self.norm = nn.RMSNorm(head_width, eps=_EPS)

    def forward(self, mixed: Tensor) -> Tensor:
        """Normalise the mixed values."""
        return self.norm(mixed)
