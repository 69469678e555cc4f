"""Dynamic NTK-aware scaling: a factor that grows with the context and is one within training.

    theta_m <- theta_m k^(-m/(D/2-1)),   k = max(1, f T/N - (f - 1)),   m = 0 ... D/2 - 1

    theta_m  frequency of rotary pair m, radians per token: the first stays, the last is divided
             by k
    f        how fast k grows; with 1 this is NTK-aware scaling by T / N
    T, N     context length at hand, training length, in tokens

All tokens of a context get the same k: cached keys would go stale when T grows.

Source: emozilla, "Dynamically Scaled RoPE further increases performance of long context LLaMA with
zero fine-tuning" (reddit.com/r/LocalLLaMA, 2023-06-30), in the form of transformers' `dynamic`.
"""

from typing import Any

import torch


def extend(model: Any, *, length: int, train_length: int, factor: float) -> Any:
    """Scale each frequency by its share of k."""
    k = max(1.0, factor * length / train_length - (factor - 1.0))
    theta = model.position.theta  # (D/2,)
    # one pair alone is the first and the last: it is interpolated
    share_of_k = torch.linspace(0, 1, len(theta), dtype=theta.dtype, device=theta.device)
    share_of_k[-1] = 1.0
    return model.replace(position=model.position.with_frequencies(theta * k**-share_of_k))
