"""How a training step uses the codes: what quantizers log, by the names in `logged`.

    used = share of the K codes with at least one latent,   perplexity = exp(-sum_k p_k ln p_k)

p_k is the share of code k among the N latents of the step. Both are capped by N latents: with
K > N codes a step can't use all, and they compare steps, not quantizers.
"""

from math import exp

import torch
from torch import Tensor

LOGGED = ("used", "perplexity")


def step_usage(index: Tensor, num_codes: int) -> dict[str, float]:
    """Give the used share of the codes and the perplexity of joint indices (N,)."""
    return usage_of_counts(torch.bincount(index, minlength=num_codes))


def usage_of_counts(n: Tensor) -> dict[str, float]:
    """Give the used share of the codes and the perplexity of counts (K,)."""
    counts = n.double()
    total, spread = float(counts.sum()), float(counts @ counts.clamp(min=1).log_())
    used = int(n.count_nonzero()) / len(n)
    return {"used": used, "perplexity": total * exp(-spread / total)}
