"""Gumbel-softmax quantisation: a code is drawn by perturbed logits, through a soft choice.

    y = softmax((l + g) / tau),   g_j ~ Gumbel(0, 1),   tau = tau_start (tau_end / tau_start)^t
    training:    k = argmax_j (l_j + g_j),  z_q = onehot(k) E if `hard`, else y E
    evaluation:  k = argmax_j l_j,  z_q = e_k
    aux = lambda mean_n sum_j p_nj ln(K p_nj),  p = softmax(l)

z (N, D) are N latents of D numbers, E (K, D) the table with rows e_j, l (N, K) the logits: `linear`
l = W z + b, or `distance` l_j = -|z - e_j|^2. With `hard` the one-hot row has the value of the
choice and the gradient of y. Encoder and all K rows learn from the decoder alone; aux pulls p
towards uniform use. t is the share of training that is done; tau decides how soft y is and never
which code is drawn. z_in is p E, the soft value without noise.

Source: "Categorical Reparameterization with Gumbel-Softmax" (1611.01144); "Zero-Shot Text-to-Image
Generation" (2102.12092) for the schedule. Departure: rows start as N(0, 1 / D), as in `vq`.
"""

from math import log

import torch
from torch import Tensor, nn

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.step_usage import LOGGED, step_usage

_LEAST = 2.0**-25  # of a uniform variable in float32, which may be 0


class Gumbel(Quantizer):
    """A choice of table rows that is random in training and certain in evaluation."""

    logged = (*LOGGED, "temperature")

    def __init__(
        self,
        *,
        K: int,
        D: int,
        logits: str,
        hard: bool,
        tau_start: float,
        tau_end: float,
        lambda_kl: float,
    ) -> None:
        super().__init__()
        if logits not in ("linear", "distance"):
            raise ValueError(f"logits={logits} is neither linear nor distance")
        self.dim, self.num_codes, self.digits = D, K, (K,)
        self.hard, self.lambda_kl = hard, lambda_kl
        self.tau_start, self.tau_end = tau_start, tau_end
        self.codebook = nn.Parameter(torch.zeros(K, D))
        self.project = nn.Linear(D, K) if logits == "linear" else None

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the table."""
        with torch.no_grad():
            rows = torch.randn(self.codebook.shape, generator=generator)
            self.codebook.copy_(rows * self.dim**-0.5)

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Draw codes in training, take the likeliest in evaluation."""
        logits = self._logits(z)  # (N, K)
        log_p = logits.log_softmax(1)
        p = log_p.exp()
        aux = self.lambda_kl * (p * (log_p + log(self.num_codes))).sum(1).mean()
        z_in = p @ self.codebook
        if not self.training:
            index = logits.argmax(1)
            q = self.decode(index).detach()
            return QuantizerOutput(q, index, aux, z_in, q)
        tau = self.tau_start * (self.tau_end / self.tau_start) ** progress
        draws = torch.rand(logits.shape, generator=generator, device=generator.device)
        # a generator draws exponential variables four times as slowly as their quantiles
        noisy = logits - draws.clamp_(min=_LEAST).log_().neg_().to(z).log_()
        index = noisy.detach().max(1).indices
        y = (noisy / tau).softmax(1)
        rows = self.decode(index)  # (N, D)
        if self.hard:
            mixed = y @ self.codebook.detach()
            z_q = rows + (mixed - mixed.detach())  # rows learn by the value, y by the mixture
        else:
            z_q = y @ self.codebook
        stats = {**step_usage(index, self.num_codes), "temperature": tau}
        return QuantizerOutput(z_q, index, aux, z_in, rows.detach(), stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the index of the largest logit, (N, D) -> (N,)."""
        return self._logits(z).argmax(1)

    def decode(self, index: Tensor) -> Tensor:
        """Give the rows of the table, (N,) -> (N, D)."""
        return self.codebook.index_select(0, index)

    def _logits(self, z: Tensor) -> Tensor:
        if self.project is not None:
            return self.project(z)
        # |z|^2 is the same for all rows, and nothing that is read of the logits
        return torch.addmm(-self.codebook.square().sum(1), 2 * z, self.codebook.T)
