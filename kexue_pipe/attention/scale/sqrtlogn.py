"""Root log n scale: holds the entropy of a row of Gaussian scores at that of b keys.

    s_ij = lambda_i q_i . k_j / sqrt(D),   lambda_i^2 = max(1 + 2 log(n_i / b) / sigma^2, floor)

    n_i       keys that query i sees, its own included
    b         keys at which this is the usual scale, `base`; N by default
    sigma     standard deviation of the unscaled q_i . k_j / sqrt(D)
    q_i, k_j  query and key, (D,)
    N         training length, tokens

A softmax over n scores of N(0, lambda^2 sigma^2) has the entropy log n - lambda^2 sigma^2 / 2 while
lambda sigma < sqrt(2 log n): to hold it at log b - sigma^2 / 2 asks for this lambda.

Source: derived here, from Derrida, "Random-energy model: An exactly solvable model of disordered
systems" (Physical Review B 24, 1981); compare log n of kexue.fm/archives/8823.
"""

from math import log

from torch import Tensor

from kexue_pipe.core.attention_parts import Scale


class SqrtLogN(Scale):
    """sqrt(1 + 2 log(n_i / b) / sigma^2) D^(-1/2)."""

    def __init__(self, *, train_length: int, base: float | None, sigma: float, floor: float):
        super().__init__()
        self.base = float(train_length) if base is None else base
        self.sigma = sigma
        self.floor = floor

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Scale each query by the root of the logarithm of what it sees."""
        square = 1 + 2 * (count.to(q.dtype).log() - log(self.base)) / self.sigma**2  # (T,)
        factor = square.clamp(min=self.floor).sqrt() * q.shape[-1] ** -0.5
        return q * factor[:, None], k
