"""Vector quantisation on the unit sphere: latents and rows lose their length.

    u = z / |z|,  c_j = e_j / |e_j|,  k = argmax_j u . c_j,  u_q = u + sg(c_k - u)
    aux = beta mean((c_k - sg u)^2) + gamma mean((u - sg c_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient.
Since |u - c|^2 = 2 - 2 u . c the code is the nearest row on the sphere. The decoder sees unit
vectors, and its gradient w passes the normalisation: dL/dz = (I - u u') w / |z|. Both means run
over N D numbers; norms below 1e-6 count as 1e-6.

How rows start (`init`), and restart where their running count falls below `restart_threshold`
times N / K, is said in `core/codebook.py`.

Source: "Vector-quantized Image Modeling with Improved VQGAN" (2110.04627).
Departures: D is 8 instead of 32; the table starts from data.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.codebook import Codebook
from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.nearest import nearest
from kexue_pipe.core.straight_through import Estimator


class CosineVQ(Quantizer):
    """Quantisation to the row of the nearest direction."""

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
        """Choose the rows of the nearest directions and weigh the two auxiliary terms."""
        u = _unit(z)
        if self.training:
            self.codebook.start(u, generator)
        index = nearest(u, _unit(self.codebook.rows))
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
        """Give the index of the nearest direction, (N, D) -> (N,)."""
        return nearest(_unit(z), _unit(self.codebook.rows))

    def decode(self, index: Tensor) -> Tensor:
        """Give the directions of rows, (N,) -> (N, D)."""
        return _unit(self.codebook(index))


def _unit(v: Tensor) -> Tensor:
    return F.normalize(v, dim=1, eps=1e-6)
