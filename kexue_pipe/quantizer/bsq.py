"""Binary spherical quantisation: the signs of a unit vector, which is a corner of its sphere.

    v = z / |z|,   q = sign(v) / sqrt(d),   z_q = v + sg(q - v),   index = sum_i [z_i > 0] 2^(d-1-i)
    aux = lambda (E H(p(. | v)) - gamma_div H(E p)) + gamma mean((v - sg q)^2)
    p(c | v) ~ exp(tau v.c)  over the 2^d corners, so that p(bit_i = 1) = sigma(2 tau v_i / sqrt(d))

z (N, d) are N latents of d numbers, sign(0) = -1, |q| = 1, sg stops the gradient, which passes the
sign unchanged and the division by |z| as (I - v v^T) / |z|; below |z| = 1e-6, z is divided by 1e-6.
The error is bounded, |v - q|^2 = 2 - 2 sum_i |v_i| / sqrt(d) <= 2 - 2 / sqrt(d), so commitment
needs no weight. E is the mean over the N latents; entropies H are in nats. `inv_temperature` is
tau, null for 2 sqrt(d), which is sigma(4 v_i) as in `lfq` with a = 1.

Source: "Image and Video Tokenization with Binary Spherical Quantization" (2406.07548).
Departure: H(E p) counts all 2^d codes; the paper's sum over bits is `batch_entropy` factorised.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.binary_codes import BATCH_ENTROPY, entropy_of_latents, join_bits, split_bits
from kexue_pipe.core.contracts import Quantizer, QuantizerOutput
from kexue_pipe.core.step_usage import LOGGED, step_usage
from kexue_pipe.core.straight_through import straight_through

SMALLEST = 1e-6  # length of a latent below which it is not made longer any more


class BSQ(Quantizer):
    """The signs of unit vectors, with entropies that keep the codes in use."""

    logged = LOGGED

    def __init__(
        self,
        *,
        bits: int,
        inv_temperature: float | None,
        lambda_entropy: float,
        gamma_diversity: float,
        gamma_commit: float,
        batch_entropy: str,
    ) -> None:
        super().__init__()
        self.dim, self.num_codes, self.digits = bits, 2**bits, (2,) * bits
        tau = 2 * bits**0.5 if inv_temperature is None else inv_temperature
        self.slope = 2 * tau / bits**0.5
        self.lambda_entropy, self.gamma_diversity = lambda_entropy, gamma_diversity
        self.gamma_commit = gamma_commit
        self.batch_entropy = BATCH_ENTROPY[batch_entropy]

    def forward(
        self, z: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Take the signs of the unit vectors, and weigh the entropies and the commitment."""
        v = z / z.norm(dim=1, keepdim=True).clamp(min=SMALLEST)
        index = self.encode(z)
        q = self._corners(z > 0, z.dtype)
        odds = self.slope * v
        entropy = entropy_of_latents(odds) - self.gamma_diversity * self.batch_entropy(odds)
        aux = self.lambda_entropy * entropy + self.gamma_commit * F.mse_loss(v, q)
        stats = step_usage(index, self.num_codes) if self.training else {}
        return QuantizerOutput(straight_through(v, q), index, aux, v, q, stats)

    def encode(self, z: Tensor) -> Tensor:
        """Give the joint index, first bit most significant, (N, d) -> (N,)."""
        return join_bits(z > 0)

    def decode(self, index: Tensor) -> Tensor:
        """Give the unit vector of each joint index, (N,) -> (N, d)."""
        return self._corners(split_bits(index, self.dim), torch.get_default_dtype())

    def _corners(self, bits: Tensor, dtype: torch.dtype) -> Tensor:
        return (2 * bits.to(dtype) - 1) * self.dim**-0.5
