"""Nearest-row quantisation with a table that learns by gradient: what `vq` and `vq_cos` share.

    u = place(z),  c_j = place(e_j),  k = argmin_j |u - c_j|^2,  z_q = estimator(u, c_k)
    aux = beta mean((c_k - sg u)^2) + gamma mean((u - sg c_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient.
`place` is where vectors are compared, as they are or on the sphere. Both means run over N D
numbers. An estimator that moves the rows itself needs no auxiliary loss: aux = 0.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.codebook import Codebook
from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.nearest import nearest
from kexue_pipe.core.straight_through import Estimator


class TrainedTable(Quantizer):
    """Quantisation to the nearest row, where `place` puts latents and rows."""

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

    def place(self, v: Tensor) -> Tensor:
        """Give vectors as they are compared, (n, D) -> (n, D)."""
        return v

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Choose the nearest rows and weigh the two auxiliary terms."""
        u = self.place(z)
        if self.training:
            self.codebook.start(u, generator)
        index = nearest(u, self.place(self.codebook.rows))
        q = self.decode(index)  # (N, D)
        z_q = self.estimator(u, q, generator, self.training)
        aux = z.new_zeros(())
        if not self.estimator.trains_table:
            aux = self.beta_codebook * F.mse_loss(q, u.detach())
            aux = aux + self.gamma_commit * F.mse_loss(u, q.detach())
        stats = {}
        if self.training:
            stats = self.codebook.count(index) | self.codebook.restart(u, generator, progress)
        return QuantizerOutput(z_q, index, aux, u, q.detach(), stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the index of the nearest row, (N, D) -> (N,)."""
        return nearest(self.place(z), self.place(self.codebook.rows))

    def decode(self, index: Tensor) -> Tensor:
        """Give the rows of the table, (N,) -> (N, D)."""
        return self.place(self.codebook(index))
