"""Multi-head latent projections: keys and values of all heads are maps of one small vector.

    c_i = norm(W_c x_i),   c'_i = norm(W_c' x_i)  or x_i,   v^h_i = W_v^h c_i
    q^h_i = [W_qr^h c'_i ; W_qc^h c'_i],   k^h_i = [W_kr x_i ; W_kc^h c_i]
    y_i = sum_h W_o^h o^h_i

    x_i, y_i       token before and after, (C,)
    c_i, c'_i      latents of key and value, and of the query, (L,) and (L',)
    W_kr x_i       first channels of every key, shared by all heads, (r D,)
    q, k, v, o     query, key, value and mixed value of head h, (D,)
    norm           x / rms(x) times a learned gain
    L = l D, L'    widths of the latents, in `latent_factor` and `query_factor` times D

Decoding keeps c and W_kr x. A position turns at most the first r D channels (partial RoPE), so the
rest of q.k is (W_kc^T W_qc c'_i) . c_j: softmax attention decodes as if it were multi-query, with
what is kept as its one key and value. A scale that changes keys (`qknorm`), and a position that
replaces the scores (CoPE), need the keys of the heads: there each step expands all that is kept.

Source: DeepSeek-AI, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language
Model" (arXiv 2405.04434); the norms are those of its released code.

Departures: D counts the shared channels too, and is the width of a value; the shared channels come
first. The layout does not rotate: what turns more than the shared channels would come between W_qc
and W_kc, and is refused in composition.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from kexue_pipe.core.attention_parts import LatentLayout
from kexue_pipe.core.norm import RMSNorm

_EPS = 1e-6  # of the norms


class MultiHeadLatent(LatentLayout):
    """Down to a latent and a shared part of the key, up to the heads."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        head_width: int,
        latent_factor: float,
        shared_fraction: float,
        query_factor: float | None,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.head_width = head_width
        self.latent = round(latent_factor * head_width)  # L
        self.shared = 2 * round(shared_fraction * head_width / 2)  # r D, whole pairs
        self.down = nn.Linear(width, self.latent + self.shared, bias=False)
        self.norm = RMSNorm(self.latent, eps=_EPS)
        own = 2 * head_width - self.shared  # of a key, and a value
        self.up = nn.Linear(self.latent, num_heads * own, bias=False)
        squeezed = width if query_factor is None else round(query_factor * head_width)
        down = nn.Linear(width, squeezed, bias=False), RMSNorm(squeezed, eps=_EPS)
        self.query_down = nn.Sequential(*([] if query_factor is None else down))
        self.query = nn.Linear(squeezed, num_heads * head_width, bias=False)
        self.out = nn.Linear(num_heads * head_width, width, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """Give the queries of every head."""
        q = self.query(self.query_down(x)).unflatten(2, (self.num_heads, self.head_width))
        return q.transpose(1, 2)  # (B, H, T, D)

    def compress(self, x: Tensor) -> Tensor:
        """Give the latent and the shared part of the key."""
        latent, shared = self.down(x).split([self.latent, self.shared], dim=-1)
        return torch.cat((self.norm(latent), shared), dim=-1)

    def expand(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give keys and values of every head."""
        latent, shared = kept.split([self.latent, self.shared], dim=-1)
        own = self.up(latent).unflatten(2, (self.num_heads, -1))
        k, v = own.split([self.head_width - self.shared, self.head_width], dim=-1)
        # padded by zeros, the shared channels add to any key without a copy of the heads
        shared = pad(shared, (0, self.head_width - self.shared))[:, :, None]
        k = pad(k, (self.shared, 0)) + shared
        return k.transpose(1, 2), v.transpose(1, 2)  # (B, H, S, D)

    def part(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give latents (B, 1, S, L) and shared parts of keys (B, 1, S, r D) of what is kept."""
        latent, shared = kept[:, None].split([self.latent, self.shared], dim=-1)
        return latent, shared

    def absorb(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Give what meets latents (B, H, T, L) and shared parts (B, H, T, r D) of the queries."""
        shared, own = q.split([self.shared, self.head_width - self.shared], dim=-1)
        return own @ self._maps()[0], shared

    def mixed_values(self, mixed: Tensor) -> Tensor:
        """Give mixed values of mixed latents, (B, H, T, L) -> (B, H, T, D)."""
        return mixed @ self._maps()[1].mT

    def _maps(self) -> tuple[Tensor, Tensor]:
        """Give W_kc and W_v of every head, (H, D - r D, L) and (H, D, L)."""
        maps = self.up.weight.unflatten(0, (self.num_heads, -1))
        keys, values = maps.split([self.head_width - self.shared, self.head_width], dim=1)
        return keys, values

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def cache_elements_per_token(self) -> int:
        """Count the latent and the shared part of the key: L + r D."""
        return self.latent + self.shared
