"""A short causal convolution: every channel sees its last few tokens before attention reads them.

    y_t = x_t + sum_k w_k * x_(t-k),   k = 0 ... K - 1,   x_t = 0 for t < 0

    x, y  (B, T, C) before and after;  w (K, C) weights of each channel;  K `taps`

Attention in one layer can then match a token by the one before it; without, two layers have to
find that together. It stands between norm and attention, so that every mixer has the same one, also
those without queries and keys.

Sources: Fu et al., "Hungry Hungry Hippos" (arXiv 2212.14052) for shifts in front of recall; Arora
et al., "Zoology" (arXiv 2312.04927); Yang et al., "Parallelizing Linear Transformers with the Delta
Rule over Sequence Length" (arXiv 2406.06484), where q, k and v have one each, and a SiLU.
Departures: one for all three, with the tokens themselves added and no SiLU.
"""

from torch import Tensor, nn
from torch.nn.functional import pad


class ShortConvolution(nn.Conv1d):
    """A depthwise convolution over tokens, beside the tokens themselves."""

    def __init__(self, width: int, taps: int):
        super().__init__(width, width, taps, groups=width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add to each token (B, T, C) the weighted tokens up to it."""
        past = pad(x.mT, (self.kernel_size[0] - 1, 0))
        return x + super().forward(past).mT

    def state_elements(self) -> int:
        """Count the tokens that decoding keeps, times the channels."""
        return self.in_channels * (self.kernel_size[0] - 1)
