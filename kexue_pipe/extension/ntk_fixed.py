"""NTK-fixed: rotary positions as digits, each digit with a base that is k^(2/D) times larger.

    theta_m <- theta_m k^(-2(m+1)/D),   m = 0 ... D/2 - 1

    theta_m  frequency of rotary pair m, radians per token: the last is divided by k exactly, and
             the first, unlike in NTK-aware scaling, by k^(2/D)
    D        rotated channels; with few of them the first pairs suffer
    k        factor; T / N by default, and never below 1
    T, N     context length at hand, training length, in tokens

Source: Jianlin Su, "Transformer升级之路:11、将β进制位置进行到底" (kexue.fm/archives/9706,
2023-07-31).
"""

from typing import Any

import torch


def extend(model: Any, *, length: int, train_length: int, k: float | None) -> Any:
    """Scale each frequency by its power of k."""
    factor = max(1.0, length / train_length) if k is None else k
    theta = model.position.theta  # (D/2,)
    digit = torch.arange(1, len(theta) + 1, dtype=theta.dtype, device=theta.device)
    scaled = theta * factor ** -(digit / len(theta))
    return model.replace(position=model.position.with_frequencies(scaled))
