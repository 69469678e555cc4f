"""Attention with a score for every pair of tokens: layout x scale x normaliser x mask.

    o_i = sum_j p_ij v_j,    p_i = normaliser(s_i over the visible keys),
    s_ij = lambda_i (R_i q_i) . (R_j k_j) + b_ij

    q, k, v   queries, keys and values of the layout, (B, H, T, D)
    lambda_i  scale of query i, folded into q
    R, b      rotation and bias of the position; a position may also replace (R q) . (R k)
    o_i       mixed value, (B, H, T, D)

Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762) for the defaults; each part
names its own.
"""

import torch
from torch import Tensor

from kexue_pipe.core.attention_parts import LatentLayout, remember, row_slices, touches_scores
from kexue_pipe.core.contracts import Position, State
from kexue_pipe.core.scored_attention import ScoredAttention

_WINDOW_ROWS = 128  # fewer rows a block cost more in calls than they save in unseen keys


class SoftmaxAttention(ScoredAttention):
    """A sequence mixer whose rows are normalised scores."""

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens in one fused call where that is legal, else in blocks of query rows."""
        B, T, _ = x.shape
        index = torch.arange(T, device=x.device)
        plain_q, plain_k, v = self.layout.project(x)  # (B, H, T, D)
        H = plain_q.shape[1]
        scaled_q, scaled_k = self.scale(plain_q, plain_k, self.mask.count(index))
        q, k = position.rotate(scaled_q, scaled_k, pos, pos)
        touched = touches_scores(position, plain_q, plain_k, pos)
        # the kernels of GPUs take no bias beside the causal mask
        key_bias = position.key_bias(pos) if touched and x.is_cpu else None  # (1, H, 1, T)
        key_bias = None if key_bias is None else key_bias.to(q.dtype)
        if self.mask.is_causal and self.normaliser.fused and (not touched or key_bias is not None):
            return self.merge(self.normaliser.mix(q, k, v, key_bias, None))
        window = self.mask.keys_kept
        most = None if window is None else max(window, _WINDOW_ROWS)
        span = T if most is None else min(T, 2 * most)
        outputs: list[Tensor] = []
        # without gradients blocks are written into place: small ones in between big ones that come
        # and go would keep the memory of these from being given back
        whole = None if torch.is_grad_enabled() else torch.empty_like(v)
        for rows in row_slices(T, B * H * span, most):
            keys = self.mask.reach(rows.start, rows.stop - 1)
            visible = self.mask.visible(index[rows], index[keys])  # (R, S)
            pos_q, pos_k, values = pos[rows], pos[keys], v[:, :, keys]
            bias = position.bias(plain_q[:, :, rows], pos_q, pos_k)
            scores = position.scores(scaled_q[:, :, rows], scaled_k[:, :, keys], pos_q, pos_k)
            if scores is None:
                block = self.normaliser.mix(q[:, :, rows], k[:, :, keys], values, bias, visible)
            else:
                scores = scores if bias is None else scores + bias
                block = self.normaliser.weights(scores, visible) @ values
            if whole is None:
                outputs.append(block)  # (B, H, R, D)
            else:
                whole[:, :, rows] = block
        return self.merge(torch.cat(outputs, dim=2) if whole is None else whole)

    def products(
        self, x: Tensor, pos: Tensor, position: Position
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Give q and k whose products are the causal scores, and v; None where there are none."""
        plain_q, plain_k, v = self.layout.project(x)
        index = torch.arange(x.shape[1], device=x.device)
        scaled_q, scaled_k = self.scale(plain_q, plain_k, self.mask.count(index))
        q, k = position.rotate(scaled_q, scaled_k, pos, pos)
        bias = position.key_bias(pos)  # (1, H, 1, T)
        if not self.mask.is_causal or (bias is None and touches_scores(position, q, k, pos)):
            return None
        if bias is not None:  # one more column of k, read by ones in q; of distances: in float64
            q = torch.cat([q.double(), torch.ones_like(q[..., :1]).double()], -1)
            k = torch.cat([k.double(), bias.mT.double().expand(*k.shape[:-1], 1)], -1)
        return q, k, v

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Mix what the token sees; latents are not expanded where that is the same."""
        if not isinstance(self.layout, LatentLayout):
            return super().step(x, pos, position, state)
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
        return self.merge(self.layout.mixed_values(weights @ latent)), (kept,)
