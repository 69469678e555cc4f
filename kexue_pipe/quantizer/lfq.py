"""Lookup-free quantisation: the code of a latent is the sign of each of its d numbers.

    q = sign(z),   z_q = z + sg(q - z),   index = sum_i [z_i > 0] 2^(d-1-i)
    aux = lambda (E H(p(. | z)) - gamma_div H(E p)) + gamma mean((z - sg q)^2)
    p(c | z) ~ exp(-a |z - c|^2)  over the 2^d corners, so that p(bit_i = 1) = sigma(4 a z_i)

z (N, d) are N latents of d numbers, q in {-1, 1}^d with sign(0) = -1, sg stops the gradient, which
passes the sign unchanged (straight-through). E is the mean over the N latents; entropies H are in
nats. The first entropy makes single latents decided, the second spreads the batch over the codes;
`batch_entropy` exact counts all 2^d codes, factorised sums over bits, an upper bound that all bits
equal also reaches. a is `inv_temperature`: above |z_i| = 2 / a the entropies have hardly a slope.

Source: "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation" (2310.05737).
Departure: the usual lambda = 0.1 and gamma = 0.25 are for far larger reconstruction losses than the
mean squared error of a small autoencoder; here they are 0.001 and 0.01.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.binary_codes import BATCH_ENTROPY, entropy_of_latents, join_bits, split_bits
from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import straight_through


class LFQ(Quantizer):
    """The signs of the latents, with entropies that keep the codes in use."""

    logged = LOGGED

    def __init__(
        self,
        *,
        bits: int,
        inv_temperature: float,
        lambda_entropy: float,
        gamma_diversity: float,
        gamma_commit: float,
        batch_entropy: str,
    ) -> None:
        super().__init__()
        self.dim, self.num_codes, self.digits = bits, 2**bits, (2,) * bits
        self.slope = 4 * inv_temperature
        self.lambda_entropy, self.gamma_diversity = lambda_entropy, gamma_diversity
        self.gamma_commit = gamma_commit
        self.batch_entropy = BATCH_ENTROPY[batch_entropy]

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Take the signs, and weigh the entropies and the commitment."""
        index = self.encode(z)
        q = _corners(z > 0, z.dtype)
        odds = self.slope * z
        entropy = entropy_of_latents(odds) - self.gamma_diversity * self.batch_entropy(odds)
        aux = self.lambda_entropy * entropy + self.gamma_commit * F.mse_loss(z, q)
        stats = step_usage(index, self.num_codes) if self.training else {}
        return QuantizerOutput(straight_through(z, q), index, aux, z, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first bit most significant, (N, d) -> (N,)."""
        return join_bits(z > 0)

    def decode(self, index: Tensor) -> Tensor:
        """Give the corner of each joint index, (N,) -> (N, d)."""
        return _corners(split_bits(index, self.dim), torch.get_default_dtype())


def _corners(bits: Tensor, dtype: torch.dtype) -> Tensor:
    return 2 * bits.to(dtype) - 1
