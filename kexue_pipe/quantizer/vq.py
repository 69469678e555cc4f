"""Vector quantisation: each latent becomes the nearest row of a trained table.

    k = argmin_j |z - e_j|^2,   z_q = z + sg(e_k - z)
    aux = beta mean((e_k - sg z)^2) + gamma mean((z - sg e_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient:
the decoder's gradient reaches z unchanged (straight-through), and E learns from beta alone. Both
means run over N D numbers. Ties go to the lowest index.

`init` sets the table: `normal` N(0, 1 / D), `uniform` on -1 / K ... 1 / K (the original), `data`
K random latents of the first training batch with noise N(0, 0.01^2), repeated where the batch has
fewer than K. A table much shorter or longer than the latents leaves most rows unused for good.

Source: "Neural Discrete Representation Learning" (1711.00937); the post *简单得令人尴尬的FSQ*
(2023-10-31) for the two weights.
Departure: the paper has beta = 1 and init uniform; here the sums over pixels are means.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.straight_through import straight_through

CHUNK = 2**26  # distances held at once
DATA_NOISE = 0.01


class VQ(Quantizer):
    """Nearest-row quantisation with a table that learns by gradient."""

    waits_for_data: Tensor

    def __init__(
        self, *, K: int, D: int, init: str, beta_codebook: float, gamma_commit: float
    ) -> None:
        super().__init__()
        if init not in ("normal", "uniform", "data"):
            raise ValueError(f"init={init} is none of normal, uniform, data")
        self.dim, self.num_codes, self.digits = D, K, (K,)
        self.init = init
        self.beta_codebook, self.gamma_commit = beta_codebook, gamma_commit
        self.codebook = nn.Parameter(torch.zeros(K, D))
        self.register_buffer("waits_for_data", torch.tensor(init == "data"))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the table; with `data` it stands in until the first training batch."""
        shape, bound = self.codebook.shape, 1 / self.num_codes
        with torch.no_grad():
            if self.init == "uniform":
                self.codebook.copy_((2 * torch.rand(shape, generator=generator) - 1) * bound)
            else:
                self.codebook.copy_(torch.randn(shape, generator=generator) * self.dim**-0.5)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Choose the nearest rows; in training, weigh the two auxiliary terms."""
        if self.training and self.waits_for_data:
            self._take_rows(z, generator)
        index = self.encode(z)
        q = self.decode(index)  # (N, D)
        aux = self.beta_codebook * F.mse_loss(q, z.detach())
        aux = aux + self.gamma_commit * F.mse_loss(z, q.detach())
        return QuantizerOutput(straight_through(z, q), index, aux, z, q.detach())

    @torch.no_grad()
    def encode(self, z: Tensor) -> Tensor:
        """Give the index of the nearest row, (N, D) -> (N,)."""
        squares = self.codebook.square().sum(1)  # (K,)
        parts = z.split(max(1, CHUNK // self.num_codes))
        # |z|^2 is the same for all rows
        return torch.cat([(squares - 2 * part @ self.codebook.T).argmin(1) for part in parts])

    def decode(self, index: Tensor) -> Tensor:
        """Give the rows of the table, (N,) -> (N, D)."""
        return F.embedding(index, self.codebook)

    @torch.no_grad()
    def _take_rows(self, z: Tensor, generator: torch.Generator) -> None:
        rounds = -(-self.num_codes // len(z))
        device = generator.device
        rows = [torch.randperm(len(z), generator=generator, device=device) for _ in range(rounds)]
        chosen = torch.cat(rows)[: self.num_codes].to(z.device)
        noise = torch.randn(self.codebook.shape, generator=generator, device=device)
        self.codebook.copy_(z[chosen] + DATA_NOISE * noise.to(z))
        self.waits_for_data.fill_(False)
