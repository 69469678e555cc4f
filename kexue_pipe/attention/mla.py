"""Latent attention: trained on keys and values of all heads, decoded from the latents alone.

    s_ij = lambda_i (R_i q_i) . (R_j k_j) + b_ij,    o_i = sum_j p_ij v_j          in training
         = lambda_i (R_i q^r_i) . (R_j k^r_j) + lambda_i (W_kc^T q^c_i) . c_j + b_ij   decoding
    o_i  = W_v sum_j p_ij c_j

    c_j, k^r_j    latent and shared part of the key, which are kept, (L,) and (r D,)
    k_j, v_j      [k^r_j ; W_kc c_j] and W_v c_j: key and value of a head, (D,)
    q^r_i, q^c_i  the first r D channels of the query of a head, and the others
    lambda_i      scale of query i
    R, b          rotation and bias of the position

Decoding is multi-query attention whose one key and value are what is kept. A scale that changes
keys (`qknorm`), and a position that replaces R q . R k (CoPE), need the keys of the heads: there
each step expands all that is kept.

Source: DeepSeek-AI, "DeepSeek-V2" (arXiv 2405.04434); Jianlin Su,
"缓存与效果的极限拉扯:从MHA、MQA、GQA到MLA" (kexue.fm/archives/10091, 2024-05-13).

Departure: W_kc meets the query in each step and is not folded into W_q beforehand, a product that
loses digits in low precision.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import Mask, Normaliser, Scale, remember
from kexue_pipe.core.contracts import Position, State
from kexue_pipe.core.scored_attention import ScoredAttention


class LatentAttention(ScoredAttention):
    """A sequence mixer with a score matrix over latents."""

    layout: Any  # that of latents

    def __init__(
        self,
        *,
        layout: Any,
        scale: Scale,
        normaliser: Normaliser,
        mask: Mask,
        expanded: Callable[..., Any],
    ):
        super().__init__(layout=layout, scale=scale, normaliser=normaliser, mask=mask)
        self.expanded = expanded  # builds an attention of the same parts, with keys of all heads

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens by the keys and values of all heads."""
        mixed: Tensor = self._expanded()(x, pos, position)
        return mixed

    def products(
        self, x: Tensor, pos: Tensor, position: Position
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Give q and k whose products are the causal scores, and v; None where there are none."""
        found: tuple[Tensor, Tensor, Tensor] | None = self._expanded().products(x, pos, position)
        return found

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Mix what the token sees, without its keys and values where that is the same."""
        query = torch.tensor([len(pos) - 1], device=x.device)
        plain_q = self.layout.queries(x)  # (B, H, 1, D)
        q, k = self.scale(plain_q, plain_q, self.mask.count(query))
        replaced = position.scores(q, q, pos[-1:], pos[-1:]) is not None
        if replaced or k is not plain_q:
            return super().step(x, pos, position, state)
        kept, keys = remember(self.mask, state[0], self.layout.compress(x), len(pos) - 1)
        latent, shared = self.layout.part(kept)  # (B, 1, S, L), (B, 1, S, r D)
        wide_q, turned_q = self.layout.absorb(q)
        turned_q, turned_k = position.rotate(turned_q, shared, pos[-1:], pos[keys])
        scores = turned_q @ turned_k.mT + wide_q @ latent.mT  # (B, H, 1, S)
        bias = position.bias(plain_q, pos[-1:], pos[keys])
        scores = scores if bias is None else scores + bias
        weights = self.weights(scores, self.mask.visible(query, keys))
        return self.merge(self.layout.values(weights @ latent)), (kept,)

    def _expanded(self) -> Any:
        parts = {name: getattr(self, name) for name in ("layout", "scale", "normaliser", "mask")}
        return self.expanded(**parts)
