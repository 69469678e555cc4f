"""No quantisation: the continuous autoencoder, whose error is the floor of every quantizer.

    z_q = z

z (N, D) are N latents of D numbers. There is no code, and the rate has no bound.

Source: the plain autoencoder that the post *简单得令人尴尬的FSQ* (2023-10-31) starts from.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput


class NoQuantizer(Quantizer):
    """The identity on vectors of D numbers."""

    num_codes = 0
    digits = ()

    def __init__(self, *, D: int) -> None:
        super().__init__()
        self.dim = D

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Pass the latents on."""
        no_code = torch.zeros(len(z), dtype=torch.int64, device=z.device)
        return QuantizerOutput(z, no_code, z.new_zeros(()), z, z.detach())
