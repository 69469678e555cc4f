"""A Gaussian bottleneck with a KL loss, as in a variational autoencoder: a rate without any code.

    (mu, s) = z,   z_q = (mu + exp(s / 2) eps, 0),   eps ~ N(0, 1)
    KL = 1/2 sum_i (mu_i^2 + e^{s_i} - 1 - s_i),   aux = beta mean_n KL_n / pixels

z (N, 2 D) are N latents with D means mu and D logarithms of variances s, cut to [-10, 5]; KL (N,)
nats per token, which KL / ln 2 bits can send (an upper bound for an ideal coder of samples). aux is
the KL per pixel, so that beta = 2 v weighs it as the negative evidence bound of pixels with noise
of variance v. Evaluation takes the means: their error belongs to no finite rate, and an honest
point of rate and distortion is (KL, error of the sample), where the sample is z_q of training mode.

Source: "Auto-Encoding Variational Bayes" (1312.6114); beta from "beta-VAE" (ICLR 2017).
Departure: a quantizer has one width for both sides, so the decoder sees D zeros beside the sample.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Quantizer, QuantizerOutput

LOW, HIGH = -10.0, 5.0  # of the logarithm of a variance


class GaussianKL(Quantizer):
    """A sample of a Gaussian in training, its mean in evaluation."""

    num_codes = 0
    digits = ()
    logged = ("kl",)

    def __init__(self, *, D: int, beta_kl: float, pixels_per_token: int) -> None:
        super().__init__()
        self.dim = 2 * D
        self.weight = beta_kl / pixels_per_token

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Sample in training; `stats` holds the nats per token in both modes."""
        mean, s = z.chunk(2, dim=1)  # (N, D) each
        s = s.clamp(LOW, HIGH)
        kl = (mean.square() + s.exp() - 1 - s).sum(1).mean() / 2
        z_in = _padded(mean)
        z_q = z_in
        if self.training:
            noise = torch.randn(mean.shape, generator=generator, device=generator.device)
            z_q = _padded(mean + (s / 2).exp() * noise.to(z))
        no_code = torch.zeros(len(z), dtype=torch.int64, device=z.device)
        stats = {"kl": kl.item()}
        return QuantizerOutput(z_q, no_code, self.weight * kl, z_in, z_in.detach(), stats)


def _padded(x: Tensor) -> Tensor:
    return torch.cat([x, torch.zeros_like(x)], dim=1)
