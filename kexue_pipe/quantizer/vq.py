"""Vector quantisation: each latent becomes the nearest row of a trained table.

    k = argmin_j |z - e_j|^2,   z_q = z + sg(e_k - z)
    aux = beta mean((e_k - sg z)^2) + gamma mean((z - sg e_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient:
the decoder's gradient reaches z unchanged (`estimator` ste), and E learns from beta alone. Both
means run over N D numbers. Ties go to the lowest index. An estimator that moves the rows itself
needs no auxiliary loss: aux = 0.

How rows start (`init`), and restart where their running count falls below `restart_threshold`
times N / K, is said in `core/codebook.py`. A table much shorter or longer than the latents leaves
most rows unused for good.

Source: "Neural Discrete Representation Learning" (1711.00937); the post *简单得令人尴尬的FSQ*
(2023-10-31) for the two weights.
Departure: the paper has beta = 1 and init uniform; here the sums over pixels are means.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.codebook import Codebook
from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.nearest import nearest
from kexue_pipe.core.straight_through import Estimator


class VQ(Quantizer):
    """Nearest-row quantisation with a table that learns by gradient."""

    def __init__(
        self,
        *,
        K: int,
        D: int,
        init: str,
        estimator: Estimator,
        beta_codebook: float,
        gamma_commit: float,
        restart_threshold: float,
        ema_decay: float,
    ) -> None:
        super().__init__()
        self.dim, self.num_codes, self.digits = D, K, (K,)
        self.estimator = estimator
        self.beta_codebook, self.gamma_commit = beta_codebook, gamma_commit
        self.codebook = Codebook(
            K=K, D=D, init=init, trained=True, decay=ema_decay, threshold=restart_threshold
        )
        self.logged = self.codebook.logged

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Choose the nearest rows and weigh the two auxiliary terms."""
        if self.training:
            self.codebook.start(z, generator)
        index = self.encode(z)
        q = self.codebook(index)  # (N, D)
        z_q = self.estimator(z, q, generator, self.training)
        aux = z.new_zeros(())
        if not self.estimator.trains_table:
            aux = self.beta_codebook * F.mse_loss(q, z.detach())
            aux = aux + self.gamma_commit * F.mse_loss(z, q.detach())
        stats = {}
        if self.training:
            stats = self.codebook.count(index) | self.codebook.restart(z, generator, progress)
        return QuantizerOutput(z_q, index, aux, z, q.detach(), stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the index of the nearest row, (N, D) -> (N,)."""
        return nearest(z, self.codebook.rows)

    def decode(self, index: Tensor) -> Tensor:
        """Give the rows of the table, (N,) -> (N, D)."""
        return self.codebook(index)
