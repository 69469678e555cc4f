"""NTK-mixed: rotary positions as digits in a mixed base, whose fast digits grow the most.

    theta_m <- theta_m exp(-a (m+1)^beta),   a = ln k / (D/2)^beta,   m = 0 ... D/2 - 1

    theta_m  frequency of rotary pair m, radians per token: the last is divided by k exactly
    beta     1 is NTK-fixed, 0 is position interpolation
    D        rotated channels; with few of them the first pairs suffer
    k        factor; T / N by default, and never below 1
    T, N     context length at hand, training length, in tokens

Source: Jianlin Su, "Transformer升级之路:11、将β进制位置进行到底" (kexue.fm/archives/9706,
2023-07-31).
"""

from typing import Any

import torch


def extend(model: Any, *, length: int, train_length: int, k: float | None, beta: float) -> Any:
    """Scale each frequency by its power of k."""
    factor = max(1.0, length / train_length) if k is None else k
    theta = model.position.theta  # (D/2,)
    digit = torch.arange(1, len(theta) + 1, dtype=theta.dtype, device=theta.device)
    scaled = theta * factor ** -((digit / len(theta)) ** beta)
    return model.replace(position=model.position.with_frequencies(scaled))
