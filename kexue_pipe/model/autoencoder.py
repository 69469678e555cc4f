"""A small convolutional autoencoder with a quantizer between encoder and decoder.

    x -> space to depth by p -> 1x1 conv -> n residual blocks -> GroupNorm, SiLU, 1x1 conv -> z
    z_q -> 1x1 conv -> n residual blocks -> GroupNorm, SiLU, 1x1 conv -> depth to space -> x'
    block(u) = u + conv1x1(SiLU(conv3x3(SiLU(GroupNorm(u)))))
    loss = mean((x - x')^2) + aux

x (B, 1, h, w) in [-1, 1]; each square of p x p pixels becomes one token, so there are
N = B (h / p) (w / p) latents z (N, D) of D numbers. All layers are c channels wide and act on the
grid of tokens; GroupNorm has 8 groups. aux is the quantizer's auxiliary loss. Any picture whose
sides p divides can be encoded; at another size than in training GroupNorm has other statistics.

Source: the autoencoder of the post *简单得令人尴尬的FSQ* (2023-10-31).
Departures: space to depth instead of strided convolutions, which is several times faster at equal
error on a processor; the squared error is a mean, not a sum; 1x1 convolutions with bias before and
after the quantizer, so that only D changes between quantizers.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kexue_pipe.core.contracts import Batch, Loss, Model, Quantizer, QuantizerOutput

GROUPS = 8
LOGGED = ("aux", "latent_norm", "code_norm")


class Pictures(Protocol):
    """What the autoencoder asks of its task."""

    token_size: int  # p, side of the square that one token stands for, pixels


class Block(nn.Module):
    """A residual block on the grid of tokens."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.mix = nn.Conv2d(channels, channels, 3, padding=1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, u: Tensor) -> Tensor:
        """Add the block's output to its input, (B, c, h, w) -> (B, c, h, w)."""
        return u + self.out(F.silu(self.mix(F.silu(self.norm(u)))))


def _stack(width_in: int, channels: int, num_blocks: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, channels, 1),
        *[Block(channels) for _ in range(num_blocks)],
        nn.GroupNorm(GROUPS, channels),
        nn.SiLU(),
        nn.Conv2d(channels, width_out, 1),
    )


def _mean_norm(v: Tensor) -> float:
    return float(v.detach().norm(dim=1).mean())


class Autoencoder(Model):
    """Encoder, quantizer and decoder of pictures."""

    def __init__(
        self, *, task: Pictures, quantizer: Callable[[], Quantizer], channels: int, num_blocks: int
    ) -> None:
        super().__init__()
        self.quantizer = quantizer()
        self.logged = (*self.quantizer.logged, *LOGGED)
        self.token_size = p = task.token_size
        width_in, width_out = self.quantizer.dim_in, self.quantizer.dim
        encoder = _stack(p * p, channels, num_blocks, width_in)
        decoder = _stack(width_out, channels, num_blocks, p * p)
        self.encoder = nn.Sequential(nn.PixelUnshuffle(p), *encoder)
        self.decoder = nn.Sequential(*decoder, nn.PixelShuffle(p))

    def encode(self, x: Tensor) -> Tensor:
        """Give the N = B (h / p) (w / p) latents of pictures, (B, 1, h, w) -> (N, D)."""
        return self.encoder(x).movedim(1, 3).flatten(0, 2)

    def quantise(
        self, x: Tensor, generator: torch.Generator, progress: float = 1.0
    ) -> QuantizerOutput:
        """Encode and quantise pictures (B, 1, h, w)."""
        return self.quantizer(self.encode(x), generator, progress)

    def codes(self, x: Tensor) -> Tensor:
        """Give the code of each token of pictures, (B, 1, h, w) -> (B, h / p, w / p) int64."""
        h, w = (side // self.token_size for side in x.shape[2:])
        return self.quantizer.encode(self.encode(x)).view(-1, h, w)

    def decode(self, z: Tensor, x: Tensor) -> Tensor:
        """Give pictures of the shape of x from their latents, (N, D) -> (B, 1, h, w)."""
        p = self.token_size
        grid = z.reshape(len(x), x.shape[2] // p, x.shape[3] // p, -1)
        return self.decoder(grid.movedim(3, 1))

    def loss(self, batch: Batch, generator: torch.Generator, progress: float = 1.0) -> Loss:
        """Compute the mean squared error and the auxiliary loss of the quantizer."""
        out = self.quantise(batch.inputs, generator, progress)
        picture = self.decode(out.z_q, batch.inputs)
        logged = (float(out.aux.detach()), _mean_norm(out.z_in), _mean_norm(out.q))
        loss = F.mse_loss(picture, batch.targets) + out.aux
        return Loss(loss, None, out.stats | dict(zip(LOGGED, logged, strict=True)))

    def costs(self) -> dict[str, int]:
        """Count parameters and operations; each weight acts once on every token."""
        parameters = list(self.parameters())
        return {
            "parameters": sum(p.numel() for p in parameters),
            "flops_per_token": 2 * sum(p.numel() for p in parameters if p.ndim > 1),
            "cache_elements_per_token": 0,
            "state_elements": 0,
        }
