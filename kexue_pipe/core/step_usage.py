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
    codes = torch.bincount(n).double()  # how many codes have each count: far fewer numbers than K
    count = torch.arange(len(codes), device=n.device, dtype=torch.float64)
    total, spread, unused = torch.stack(
        [codes @ count, codes @ torch.xlogy(count, count), codes[0]]
    ).tolist()
    return {"used": (len(n) - unused) / len(n), "perplexity": total * exp(-spread / total)}
