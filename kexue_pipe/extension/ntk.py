"""NTK-aware scaling: a larger base, so that slow pairs are interpolated and fast ones are kept.

    base <- base k^(D/(D-2)),   which is   theta_m <- theta_m k^(-m/(D/2-1)),   m = 0 ... D/2 - 1

    theta_m  frequency of rotary pair m, radians per token: the first stays, the last is divided
             by k, as position interpolation does to all
    k        factor; T / N by default, and never below 1
    T, N     context length at hand, training length, in tokens

Source: bloc97, "NTK-Aware Scaled RoPE allows LLaMA models to have extended (8k+) context size"
(reddit.com/r/LocalLLaMA, 2023-06-29); Jianlin Su, "Transformer升级之路:10、RoPE是一种β进制编码"
(kexue.fm/archives/9675, 2023-07-06).
"""

from typing import Any

import torch


def extend(model: Any, *, length: int, train_length: int, k: float | None) -> Any:
    """Scale each frequency by its share of k."""
    factor = max(1.0, length / train_length) if k is None else k
    theta = model.position.theta  # (D/2,)
    # one pair alone is the first and the last: it is interpolated
    share_of_k = torch.linspace(0, 1, len(theta), dtype=theta.dtype, device=theta.device)
    share_of_k[-1] = 1.0
    return model.replace(position=model.position.with_frequencies(theta * factor**-share_of_k))
