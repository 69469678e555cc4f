"""Binary codes: bits and their index, and the entropies of a soft assignment to all codes.

    p(c | z) = prod_i sigma(x_i)^{c_i} sigma(-x_i)^{1 - c_i},   index = sum_i c_i 2^(d-1-i)
    H(p(. | z)) = sum_i [ln(1 + e^{x_i}) - x_i sigma(x_i)]
    H(E p) exact:       over all 2^d codes
    H(E p) factorised:  sum_i H(E sigma(x_i)) >= exact, with equality for independent bits

x (N, d) are the log odds of the bits of N latents, c (N, d) bits, the first the most significant.
E is the mean over the N latents; entropies are in nats. Bits are independent given z, so the mean
over N of all 2^d products is one product of two (N, 2^(d/2)) tables: exact costs little at any d.

Source: "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation" (2310.05737) for the
two entropies; "Image and Video Tokenization with Binary Spherical Quantization" (2406.07548) for
the factorised one.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def join_bits(bits: Tensor) -> Tensor:
    """Give the index of bits, (N, d) -> (N,) int64."""
    return (bits.long() << _places(bits.shape[1], bits)).sum(1)


def split_bits(index: Tensor, d: int) -> Tensor:
    """Give the bits of an index, (N,) -> (N, d) int64."""
    return index[:, None] >> _places(d, index) & 1


def entropy_of_latents(x: Tensor) -> Tensor:
    """Give E H(p(. | z)), how undecided the assignment of one latent is."""
    return (F.softplus(x) - x * torch.sigmoid(x)).sum(1).mean()


def exact_entropy(x: Tensor) -> Tensor:
    """Give H(E p), how evenly all 2^d codes are used."""
    half = x.shape[1] // 2
    left, right = _soft_codes(x[:, :half]), _soft_codes(x[:, half:])
    return _entropy(left.T @ right / len(x))  # (2^half, 2^(d - half))


def factorised_entropy(x: Tensor) -> Tensor:
    """Give the sum over bits of the entropy of their mean, blind to how bits correlate."""
    return _entropy(torch.stack([torch.sigmoid(x), torch.sigmoid(-x)]).mean(1))


BATCH_ENTROPY = {"exact": exact_entropy, "factorised": factorised_entropy}


def _soft_codes(x: Tensor) -> Tensor:
    d = x.shape[1]
    bits = split_bits(torch.arange(2**d, device=x.device), d)
    return (x @ bits.T.to(x)).softmax(1)  # (N, 2^d)


def _entropy(p: Tensor) -> Tensor:
    return -(p * p.clamp(min=torch.finfo(p.dtype).tiny).log()).sum()  # finite slope at p = 0


def _places(d: int, like: Tensor) -> Tensor:
    return torch.arange(d - 1, -1, -1, device=like.device)
