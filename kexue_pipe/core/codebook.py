"""A table of codes: how its rows start, how much each is used, and how unused rows start again.

    N_k <- rho N_k + (1 - rho) n_k,   e_k <- a latent of the batch where N_k < tau N / K

E (K, D) is the table with rows e_k, n_k of the N latents z (N, D) of a step chose row k, N_k (K,)
is the running count with decay rho, from 1. A row that restarts gets N_k = N / K. The latents are
drawn without replacement, so one step restarts at most N rows, lowest first; tau = 0 restarts none,
and counts as dead what 0.01 would restart.
In the last tenth of the training nothing restarts, so that the final table is settled.

`init` sets the rows: `normal` N(0, 1 / D), `uniform` on -1 / K ... 1 / K, `data` random latents of
the first training batch with noise N(0, 0.01^2), repeated where the batch has fewer than K,
`kmeans` ten Lloyd steps after `data`.
"""

import torch
from torch import Tensor, nn

from kexue_pipe.core.nearest import nearest
from kexue_pipe.core.step_usage import LOGGED, usage_of_counts

INITS = ("normal", "uniform", "data", "kmeans")
DATA_NOISE = 0.01
DEAD = 0.01  # tau by which rows that never restart are called dead
LLOYD_STEPS = 10
LAST_RESTART = 0.9  # share of the training


class Codebook(nn.Module):
    """The rows of one table, trained by gradient or by their quantizer, and their counts."""

    rows: Tensor
    counts: Tensor
    waits_for_data: Tensor

    def __init__(
        self, *, K: int, D: int, init: str, trained: bool, decay: float, threshold: float
    ) -> None:
        super().__init__()
        if init not in INITS:
            raise ValueError(f"init={init} is none of {', '.join(INITS)}")
        self.init, self.decay, self.threshold = init, decay, threshold
        self.logged = (*LOGGED, "dead", "restarts")
        if trained:
            self.rows = nn.Parameter(torch.zeros(K, D))
        else:
            self.register_buffer("rows", torch.zeros(K, D))
        self.register_buffer("counts", torch.ones(K))
        self.register_buffer("waits_for_data", torch.tensor(init in ("data", "kmeans")))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the rows; those from data stand in until the first training batch."""
        K, D = self.rows.shape
        with torch.no_grad():
            if self.init == "uniform":
                self.rows.copy_((2 * torch.rand(K, D, generator=generator) - 1) / K)
            else:
                self.rows.copy_(torch.randn(K, D, generator=generator) * D**-0.5)

    def forward(self, index: Tensor) -> Tensor:
        """Give rows, with their gradient, (N,) -> (N, D)."""
        return self.rows.index_select(0, index)  # its gradient costs less than an embedding's

    @torch.no_grad()
    def start(self, z: Tensor, generator: torch.Generator) -> None:
        """Take the rows from the first training batch, where `init` says so."""
        if not self.waits_for_data:
            return
        shape, device = self.rows.shape, generator.device
        rounds = -(-len(self.rows) // len(z))
        order = [torch.randperm(len(z), generator=generator, device=device) for _ in range(rounds)]
        noise = torch.randn(shape, generator=generator, device=device).to(z)
        rows = z[torch.cat(order)[: len(self.rows)].to(z.device)] + DATA_NOISE * noise
        for _ in range(LLOYD_STEPS if self.init == "kmeans" else 0):
            rows = _lloyd(z, rows)
        self.rows.copy_(rows)
        self.waits_for_data.fill_(False)

    def count(self, index: Tensor) -> dict[str, float]:
        """Move the running counts; give the use of the step's codes."""
        n = torch.bincount(index, minlength=len(self.counts))
        self.counts.lerp_(n.to(self.counts), 1 - self.decay)
        return usage_of_counts(n)

    def restart(self, z: Tensor, generator: torch.Generator, progress: float) -> dict[str, float]:
        """Set unused rows to latents; give their share and how many were set."""
        fair = len(z) / len(self.counts)
        dead = (self.counts < (self.threshold or DEAD) * fair).nonzero()[:, 0]
        restarts = min(len(dead), len(z)) if self.threshold and progress < LAST_RESTART else 0
        if restarts:
            order = torch.randperm(len(z), generator=generator, device=generator.device)
            with torch.no_grad():
                self.rows[dead[:restarts]] = z[order[:restarts].to(z.device)]
            self.counts[dead[:restarts]] = fair
        return {"dead": len(dead) / len(self.counts), "restarts": float(restarts)}


def cluster_sums(z: Tensor, index: Tensor, K: int) -> Tensor:
    """Sum the latents of each code, (N, D) and (N,) -> (K, D)."""
    return z.new_zeros(K, z.shape[1]).index_add_(0, index, z)


def _lloyd(z: Tensor, rows: Tensor) -> Tensor:
    """Move each row to the mean of the latents nearest to it; rows without any stay."""
    index = nearest(z, rows)
    n = torch.bincount(index, minlength=len(rows))[:, None]
    means = cluster_sums(z, index, len(rows)) / n.clamp(min=1)
    return torch.where(n > 0, means, rows)
