"""Vector quantisation whose table is a frozen random one times one trained matrix.

    C = E W,   k = argmin_j |z - c_j|^2,   z_q = z + sg(c_k - z)
    aux = beta mean((c_k - sg z)^2) + gamma mean((z - sg c_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is drawn once from N(0, 1 / D), W (D, D) is trained, C
(K, D) is the table with rows c_j, sg stops the gradient. Every step moves all rows, so none stays
behind; there are no restarts. W starts uniform on -D^-1/2 ... D^-1/2. Both means run over N D
numbers. An estimator that moves the rows itself needs no auxiliary loss: aux = 0.

`train_codes` trains E too. `diag` keeps only the diagonal of W, which starts at 1.

Source: "Addressing Representation Collapse in Vector Quantized Models with One Linear Layer"
(2411.02038); the post *给编码表加一个线性变换* (2024-11-06), which also tries the diagonal.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.nearest import nearest
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import Estimator


class SimVQ(Quantizer):
    """Nearest-row quantisation with a table that one matrix moves as a whole."""

    codes: Tensor
    logged = LOGGED

    def __init__(
        self,
        *,
        K: int,
        D: int,
        estimator: Estimator,
        beta_codebook: float,
        gamma_commit: float,
        train_codes: bool,
        diag: bool,
    ) -> None:
        super().__init__()
        self.dim, self.num_codes, self.digits = D, K, (K,)
        self.estimator = estimator
        self.beta_codebook, self.gamma_commit = beta_codebook, gamma_commit
        if train_codes:
            self.codes = nn.Parameter(torch.zeros(K, D))
        else:
            self.register_buffer("codes", torch.zeros(K, D))
        self.weight = nn.Parameter(torch.zeros((D,) if diag else (D, D)))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the codes and the matrix."""
        scale = self.dim**-0.5
        with torch.no_grad():
            self.codes.copy_(torch.randn(self.codes.shape, generator=generator) * scale)
            if self.weight.ndim == 1:
                self.weight.fill_(1.0)
            else:
                uniform = torch.rand(self.weight.shape, generator=generator)
                self.weight.copy_((2 * uniform - 1) * scale)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Choose the nearest rows of the moved table and weigh the two auxiliary terms."""
        table = self._table()
        index = nearest(z, table)
        q = F.embedding(index, table)  # (N, D)
        z_q = self.estimator(z, q, generator, self.training)
        aux = z.new_zeros(())
        if not self.estimator.trains_table:
            aux = self.beta_codebook * F.mse_loss(q, z.detach())
            aux = aux + self.gamma_commit * F.mse_loss(z, q.detach())
        stats = step_usage(index, self.num_codes) if self.training else {}
        return QuantizerOutput(z_q, index, aux, z, q.detach(), stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the index of the nearest row, (N, D) -> (N,)."""
        return nearest(z, self._table())

    def decode(self, index: Tensor) -> Tensor:
        """Give the rows of the moved table, (N,) -> (N, D)."""
        return F.embedding(index, self._table())

    def _table(self) -> Tensor:
        return self.codes * self.weight if self.weight.ndim == 1 else self.codes @ self.weight
