"""How a training step uses the codes: what quantizers log, by the names in `logged`.

    used = share of the K codes with at least one latent,   perplexity = exp(-sum_k p_k ln p_k)

p_k is the share of code k among the N latents of the step. Both are capped by N latents: with
K > N codes a step can't use all, and they compare steps, not quantizers.
"""

from math import exp

import torch
from torch import Tensor

from kexue_pipe.core.code_usage import code_usage

LOGGED = ("used", "perplexity")


def step_usage(index: Tensor, num_codes: int) -> dict[str, float]:
    """Give the used share of the codes and the perplexity of joint indices (N,)."""
    usage = code_usage(torch.bincount(index, minlength=num_codes))
    return {"used": usage.used / num_codes, "perplexity": exp(usage.entropy)}
