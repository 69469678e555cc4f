"""A Gaussian bottleneck with a KL loss, as in a variational autoencoder: a rate without any code.

    (mu, s) = z,   z_q = mu + exp(s / 2) eps,   eps ~ N(0, 1)
    KL = 1/2 sum_i (mu_i^2 + e^{s_i} - 1 - s_i),   aux = beta mean_n KL_n / pixels

z (N, 2 D) are N latents with D means mu and D logarithms of variances s, cut to [-10, 5]; KL (N,)
nats per token, which KL / ln 2 bits can send (an upper bound for an ideal coder of samples). aux is
the KL per pixel, so that beta = 2 v weighs it as the negative evidence bound of pixels with noise
of variance v. The value in evaluation is the mean, whose error belongs to no finite rate; the
honest point of rate and distortion is (KL, error of the sample), and `sample` is there for it.

Source: "Auto-Encoding Variational Bayes" (1312.6114); beta from "beta-VAE" (ICLR 2017).
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
        self.dim = D
        self.weight = beta_kl / pixels_per_token

    @property
    def dim_in(self) -> int:
        """The mean and the logarithm of a variance for each number."""
        return 2 * self.dim

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Sample in training; `stats` holds the nats per token in both modes."""
        mean, s = z.chunk(2, dim=1)  # (N, D) each
        s = s.clamp(LOW, HIGH)
        kl = (mean.square() + s.exp() - 1 - s).sum(1).mean() / 2
        noise = torch.randn(mean.shape, generator=generator, device=generator.device)
        sample = mean + (s / 2).exp() * noise.to(z)
        z_q = sample if self.training else mean
        no_code = torch.zeros(len(z), dtype=torch.int64, device=z.device)
        stats, q = {"kl": kl.item()}, mean.detach()
        return QuantizerOutput(z_q, no_code, self.weight * kl, mean, q, stats, sample)
