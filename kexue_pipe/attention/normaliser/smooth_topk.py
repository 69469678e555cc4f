"""Smooth top-k: each of about k keys gets 1/k, none gets more.

    p_ij = f(s_ij - lambda_i) / k_i,   lambda_i such that p_i sums to one,   k_i = min(k, n_i)

    s_ij  score of query i and key j, after bias
    p_ij  coefficient of value j, at most 1 / k_i
    n_i   keys that query i sees; up to k of them share equally
    f     rises from 0 to 1: min(1, e^x) (exp), 1 / (1 + e^-x) (sigmoid), or e^x / 2 for x < 0 and
          1 - e^-x / 2 above (laplace); exp with k = 1 is the softmax

lambda is bisected, and gets the gradient of the implicit function, that of the mean of s with
weights f'. It turns into the k largest of s / t, equally, as t -> 0.

Source: Jianlin Su, "Softmax后传:寻找Top-K的光滑近似" (kexue.fm/archives/10373, 2024-09-19).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser

_STEPS = 50  # of the bisection, from a range about as wide as that of the scores
Map = Callable[[Tensor], Tensor]


def _laplace(x: Tensor) -> Tensor:
    tail = (-x.abs()).exp() / 2
    return torch.where(x < 0, tail, 1 - tail)


def _laplace_inverse(p: Tensor) -> Tensor:
    return torch.where(p < 0.5, (2 * p).log(), -(2 * (1 - p)).log())


# f, its inverse, and its slope at the point where it is p
_SHAPES: dict[str, tuple[Map, Map, Map]] = {
    "exp": (lambda x: x.clamp(max=0).exp(), torch.log, lambda p: p * (p < 1)),
    "sigmoid": (torch.sigmoid, torch.logit, lambda p: p * (1 - p)),
    "laplace": (_laplace, _laplace_inverse, lambda p: torch.minimum(p, 1 - p)),
}


class SmoothTopK(Normaliser):
    """A rising function of scores above a threshold, shared out among k."""

    row_stochastic = True

    def __init__(self, *, k: int, shape: str):
        super().__init__()
        self.k = k
        self.f, self.inverse, self.slope = _SHAPES[shape]

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys."""
        seen = visible.sum(-1, keepdim=True).to(scores.dtype)  # n, (R, 1)
        few = seen <= self.k
        k = torch.where(few, seen / 2, self.k)  # short rows are replaced: theirs only has to exist
        top = scores.detach().masked_fill(~visible, -torch.inf).amax(-1, keepdim=True)
        x = scores - top
        with torch.no_grad():
            middle = self.inverse(k / seen)
            low = x.masked_fill(~visible, torch.inf).amin(-1, keepdim=True) - middle
            high = torch.zeros_like(top) - middle
            for _ in range(_STEPS):
                middle = (low + high) / 2
                above = (self.f(x - middle) * visible).sum(-1, keepdim=True) >= k
                low, high = torch.where(above, middle, low), torch.where(above, high, middle)
            slope = self.slope(self.f(x - low)) * visible
            slope /= slope.sum(-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
        threshold = low + (slope * (x - x.detach())).sum(-1, keepdim=True)
        weights = self.f(x - threshold) * visible
        return torch.where(few, visible / seen, weights / weights.sum(-1, keepdim=True))
