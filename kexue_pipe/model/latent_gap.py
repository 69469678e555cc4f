"""What quantisation does to latents, and to the gradients that reach them in training.

    relative error = sum |z_in - q|^2 / sum |z_in - mean z_in|^2
    g = dL(dec(z_q)) / dz,   g_0 = dL(dec(z_in)) / dz,   L(x') = mean (x - x')^2
    cosine = mean_n g_n . g_0n / (|g_n| |g_0n|),   relative gap = |g - g_0| / |g_0|

z (N, D) are latents of the encoder, z_in (N, D) the vectors that are quantised (z, where nothing
bounds or normalises it), q (N, D) their codes and z_q what the decoder is trained with. g is the
gradient that an estimator gives the encoder, g_0 the true one of a model without a quantizer; the
auxiliary loss is in neither. Sums are given, over the latents of a sample.

Source: Huh et al., "Straightening Out the Straight-Through Estimator" (2305.08842).
"""

from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.model.autoencoder import Autoencoder


def latent_gap(model: Autoencoder, x: Tensor) -> dict[str, float]:
    """Compare latents of pictures (n, 1, s, s) and their gradients, with and without quantizer."""
    quantizer = deepcopy(model.quantizer).train()  # whose tables may move
    generator = torch.Generator(x.device).manual_seed(0)
    with torch.enable_grad():
        z = model.encode(x).detach().requires_grad_()
        out = quantizer(z, generator)
        g, g_0 = (
            torch.autograd.grad(F.mse_loss(model.decode(v, x), x), z, retain_graph=True)[0]
            for v in (out.z_q, out.z_in)
        )
    z_in = out.z_in.detach().double()
    g, g_0 = g.double(), g_0.double()
    sums = {
        "error": (z_in - out.q).square().sum(),
        "spread": (z_in - z_in.mean(0)).square().sum(),
        "gradient_cosine": F.cosine_similarity(g, g_0, eps=torch.finfo(g.dtype).tiny).sum(),
        "gradient_gap": (g - g_0).square().sum(),
        "gradient": g_0.square().sum(),
    }
    return {"n_tokens": len(z)} | {name: float(value) for name, value in sums.items()}
