"""YaRN: slow pairs are interpolated, fast ones are kept, and the scores are sharpened.

    theta_m <- theta_m (gamma_m + (1 - gamma_m) / k)
    gamma_m = clip((r_m - alpha) / (beta - alpha), 0, 1),   r_m = N theta_m / 2 pi
    q_i, k_j <- t q_i, t k_j,   t = 0.1 ln k + 1

    theta_m      frequency of rotary pair m, radians per token
    r_m          turns of pair m within the training length
    alpha, beta  turns below which a pair is interpolated, above which it is kept
    k            factor; T / N by default, and never below 1
    T, N         context length at hand, training length, in tokens

With ramp = index, gamma falls linearly in m, between the pairs with beta and with alpha turns, each
rounded outwards.

Source: Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models" (arXiv
2309.00071); ramp = index is what its released code does.

Departure: beta is N/16 by default, at least 2 alpha and at most the paper's 32: at N = 64 no pair
makes 32 turns.
"""

from math import ceil, floor, log, pi
from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Scale


class Tempered(Scale):
    """A scale, and one factor for all queries and keys on top."""

    def __init__(self, scale: Scale, temperature: float):
        super().__init__()
        self.scale = scale
        self.temperature = temperature

    def forward(self, q: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply what the scale gives."""
        q, k = self.scale(q, k, count)
        return q * self.temperature, k * self.temperature


def kept_share(theta: Tensor, train_length: int, alpha: float, beta: float, ramp: str) -> Tensor:
    """Give gamma, the share of each frequency that is not interpolated, (D/2,)."""
    turns = train_length * theta / (2 * pi)
    if ramp == "rotations":
        return ((turns - alpha) / (beta - alpha)).clamp(0, 1)
    if len(theta) < 2:
        raise ValueError("extension.yarn.ramp=index needs two rotary pairs, one stands alone here")
    first, spacing = float(turns[0]), log(theta[0] / theta[1])
    low = max(0, floor(log(first / beta) / spacing))
    high = min(2 * len(theta) - 1, ceil(log(first / alpha) / spacing))
    m = torch.arange(len(theta), dtype=theta.dtype, device=theta.device)
    return 1 - ((m - low) / max(high - low, 0.001)).clamp(0, 1)


def extend(
    model: Any,
    *,
    length: int,
    train_length: int,
    k: float | None,
    alpha: float,
    beta: float | None,
    ramp: str,
    temperature: bool,
) -> Any:
    """Scale each frequency by how often it turned in training."""
    factor = max(1.0, length / train_length) if k is None else k
    if beta is None:
        beta = max(2 * alpha, min(32.0, train_length / 16))
    theta = model.position.theta  # (D/2,)
    kept = kept_share(theta, train_length, alpha, beta, ramp)
    model = model.replace(
        position=model.position.with_frequencies(theta * (kept + (1 - kept) / factor))
    )
    if not temperature:
        return model
    sharper = 0.1 * log(factor) + 1
    attentions = [a.replace(scale=Tempered(a.scale, sharper)) for a in model.attentions]
    return model.replace(attentions=attentions)
