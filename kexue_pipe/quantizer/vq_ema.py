"""Vector quantisation whose rows are moving averages of the latents that chose them.

    k = argmin_j |z - e_j|^2,   z_q = z + sg(e_k - z),   aux = gamma mean((z - sg e_k)^2)
    N_k <- rho N_k + (1 - rho) n_k,   A_k <- rho A_k + (1 - rho) a_k,   e_k <- A_k / S_k
    S_k = (N_k + epsilon) / (sum N + K epsilon) sum N

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient. In
a training step n_k latents with the sum a_k (D,) chose row k; N_k (K,) starts at 1 and A_k (K, D)
at e_k. The averages move after z_q is known, outside of the gradient, so the step's loss is that of
the table before. For one latent the step e <- rho e + (1 - rho) z is that of gradient descent on
|e - z|^2 with rate (1 - rho) / 2. A_k = S_k e_k always holds, so A is not stored.

How rows start (`init`), and restart where N_k < restart_threshold N / K, is said in
`core/codebook.py`.

Source: "Generating Diverse High-Fidelity Images with VQ-VAE-2" (1906.00446), after the appendix of
1711.00937; "Jukebox" (2005.00341) for restarts.
Departure: rho is 0.97 instead of 0.99, for trainings of a few hundred steps.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.codebook import Codebook, cluster_sums
from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.nearest import nearest
from kexue_pipe.core.straight_through import Estimator


class VQEMA(Quantizer):
    """Nearest-row quantisation with a table of moving averages."""

    def __init__(
        self,
        *,
        K: int,
        D: int,
        init: str,
        estimator: Estimator,
        gamma_commit: float,
        ema_decay: float,
        ema_eps: float,
        restart_threshold: float,
    ) -> None:
        super().__init__()
        self.dim, self.num_codes, self.digits = D, K, (K,)
        self.estimator = estimator
        self.gamma_commit, self.decay, self.eps = gamma_commit, ema_decay, ema_eps
        self.codebook = Codebook(
            K=K, D=D, init=init, trained=False, decay=ema_decay, threshold=restart_threshold
        )
        self.logged = self.codebook.logged

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Choose the nearest rows; in training, move the averages afterwards."""
        if self.training:
            self.codebook.start(z, generator)
        index = self.encode(z)
        q = self.codebook(index)  # (N, D)
        z_q = self.estimator(z, q, generator, self.training)
        aux = self.gamma_commit * F.mse_loss(z, q)
        stats = {}
        if self.training:
            stats = self._average(z, index) | self.codebook.restart(z, generator, progress)
        return QuantizerOutput(z_q, index, aux, z, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the index of the nearest row, (N, D) -> (N,)."""
        return nearest(z, self.codebook.rows)

    def decode(self, index: Tensor) -> Tensor:
        """Give the rows of the table, (N,) -> (N, D)."""
        return self.codebook(index)

    @torch.no_grad()
    def _average(self, z: Tensor, index: Tensor) -> dict[str, float]:
        rows = self.codebook.rows
        sums = rows * self._sizes()  # A
        stats = self.codebook.count(index)
        sums.lerp_(cluster_sums(z, index, len(rows)), 1 - self.decay)
        torch.div(sums, self._sizes(), out=rows)
        return stats

    def _sizes(self) -> Tensor:
        """Give the smoothed counts S, (K, 1)."""
        counts = self.codebook.counts
        total, spread = counts.sum(), len(counts) * self.eps
        return ((counts + self.eps) * (total / (total + spread)))[:, None]
