"""NTK-aware scaling by the factor itself: the base is multiplied by k.

    base <- base k,   which is   theta_m <- theta_m k^(-2m/D),   m = 0 ... D/2 - 1

    theta_m  frequency of rotary pair m, radians per token; the last is divided by k^(1-2/D) < k
    D        rotated channels
    k        factor; T / N by default, and never below 1
    T, N     context length at hand, training length, in tokens

Source: "NTK-RoPE-old" of Jianlin Su, "Transformer升级之路:11、将β进制位置进行到底"
(kexue.fm/archives/9706, 2023-07-31).
"""

from typing import Any

import torch


def extend(model: Any, *, length: int, train_length: int, k: float | None) -> Any:
    """Scale each frequency by its power of k."""
    factor = max(1.0, length / train_length) if k is None else k
    theta = model.position.theta  # (D/2,)
    exponent = torch.arange(len(theta), dtype=theta.dtype, device=theta.device) / len(theta)
    return model.replace(position=model.position.with_frequencies(theta * factor**-exponent))
