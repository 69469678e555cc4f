"""The parts that a linear attention is composed of: what each is asked, and what it answers.

A linear attention is layout x feature x decay x update x readout. Letters as in
`core/contracts.py`; F features per head, c tokens of a chunk, G = 1 or F decays per head.
"""

from torch import Tensor, nn


class Feature(nn.Module):
    """The feature map of queries and keys."""

    turns_input = False  # positions rotate what the map reads, as it estimates a function of q.k
    closed = False  # `overlap` is cheaper than the features

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Map queries and keys (B, H, T, D) to features (B, H, T, F)."""
        raise NotImplementedError

    def overlap(self, q: Tensor, k: Tensor) -> Tensor:
        """Give the products phi(q) . phi(k) of all pairs, (..., c, D) -> (..., c, c)."""
        phi_q, phi_k = self(q, k)
        return phi_q @ phi_k.mT


class Decay(nn.Module):
    """What a state loses from token to token."""

    def forward(self, x: Tensor) -> Tensor | None:
        """Give log decays (1 or B, H, T, G) <= 0 of tokens (B, T, C), or None for no decay."""
        raise NotImplementedError

    def step_size(self, x: Tensor) -> Tensor | None:
        """Give the factor of each token's value, (B, H, T, 1), or None for one."""
        return None


class Update(nn.Module):
    """The rule by which keys and values are written into a state (B, H, F, D)."""

    def prepare(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Give the features that are used, before they are rotated."""
        return q, k

    def strength(self, x: Tensor) -> Tensor | None:
        """Give how strongly each token (B, T, C) writes, (B, H, T, 1), or None for one."""
        return None

    def solve(self, overlaps: Tensor, strength: Tensor | None) -> Tensor:
        """Give the map from a chunk's values to what it writes into an empty state, (..., c, c).

        `overlaps` (..., c, c) holds the decayed products of each key with the earlier ones.
        """
        raise NotImplementedError

    def step(self, state: Tensor, k: Tensor, v: Tensor, strength: Tensor | None) -> Tensor:
        """Write one key (B, H, 1, F) and value (B, H, 1, D) into a state that has decayed."""
        raise NotImplementedError

    additive = True  # what a token writes does not depend on the state: `solve` is the identity


class Readout(nn.Module):
    """What is done to the mixed values of a head before the heads are joined."""

    divides = False  # coefficients are divided by the sum of their row

    def forward(self, mixed: Tensor) -> Tensor:
        """Change the mixed values (B, H, T, D)."""
        return mixed
