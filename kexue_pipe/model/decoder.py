"""A pre-norm Transformer decoder, the same for every positional encoding and attention.

    x_0 = embed(E[token]),   x' = x + attention(norm(x)),   x'' = x' + W_down gelu(W_up norm(x'))
    logits = head(norm(x_L), E)

    E            token embedding, (V, C), N(0, std^2) at the start with the std of the head
    W_up, W_down feed-forward maps, (f C, C) and (C, f C), f = 4; no biases anywhere
    norm         x / rms(x) times a learned gain, (C,)

With `convolution` K > 0 a short convolution of K tokens stands between norm and attention.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019) for the
pre-norm blocks; Zhang, Sennrich, "Root Mean Square Layer Normalization" (arXiv 1910.07467).
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from kexue_pipe.core.contracts import (
    IGNORED,
    Attention,
    Batch,
    Head,
    Loss,
    Model,
    Position,
    PositionIds,
)
from kexue_pipe.core.norm import RMSNorm
from kexue_pipe.core.share import share
from kexue_pipe.model.short_convolution import ShortConvolution

_EPS = 1e-6  # of the norms


class Embedding(nn.Embedding):
    """A vector per token, drawn from N(0, std^2)."""

    def __init__(self, size: int, width: int, std: float):
        super().__init__(size, width)
        self.std = std


class Block(nn.Module):
    """One layer: attention, then feed-forward, each on a normalised copy of the stream."""

    def __init__(self, attention: Attention, width: int, hidden: int, taps: int):
        super().__init__()
        self.attention_norm = RMSNorm(width, eps=_EPS)
        self.convolution = ShortConvolution(width, taps) if taps else None
        self.attention = attention
        self.feedforward_norm = RMSNorm(width, eps=_EPS)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(
        self, x: Tensor, pos: Tensor, position: Position, last: int | None = None
    ) -> Tensor:
        """Add what the layer finds to the stream, (B, T, C) -> (B, T or last, C)."""
        read = self.read(x)
        if last is None:
            mixed = self.attention(read, pos, position)
        else:
            x, mixed = x[:, -last:], self.attention.last_rows(read, pos, position, last)
        assert mixed.shape == x.shape, f"attention gave {mixed.shape} for {x.shape}"
        x = x + mixed
        return x + self.down(gelu(self.up(self.feedforward_norm(x))))

    def read(self, x: Tensor) -> Tensor:
        """Give what attention reads of the stream, (B, T, C)."""
        normal: Tensor = self.attention_norm(x)
        return normal if self.convolution is None else self.convolution(normal)


class Decoder(Model):
    """A causal language model on the tokens of a task."""

    def __init__(
        self,
        *,
        task: Any,
        position: Callable[[], Position],
        position_ids: Callable[[], PositionIds],
        attention: Callable[[], Attention],
        head: Callable[..., Head],
        width: int,
        num_layers: int,
        feedforward_factor: int,
        convolution: int = 0,
    ):
        super().__init__()
        self.train_length = task.train_length
        top = head(vocabulary_size=task.vocabulary_size)
        self.embedding = Embedding(task.vocabulary_size, width, top.embedding_std)
        self.position = position()
        self.position_ids = position_ids()
        hidden = feedforward_factor * width
        placed = (attention().place(layer, num_layers) for layer in range(num_layers))
        self.blocks = nn.ModuleList(Block(mixer, width, hidden, convolution) for mixer in placed)
        self.norm = RMSNorm(width, eps=_EPS)
        self.head = top

    @property
    def layers(self) -> list[Block]:
        """The blocks, from the input up."""
        return cast(list[Block], list(self.blocks))

    @property
    def attentions(self) -> list[Attention]:
        """The attention of each layer."""
        return [block.attention for block in self.layers]

    def forward(self, tokens: Tensor, pos: Tensor | None = None, last: int | None = None) -> Tensor:
        """Give logits (B, T, V), or those of the last tokens only (B, last, V)."""
        pos = self.ids(tokens) if pos is None else pos
        x = self._embed(tokens, pos)
        for block in self.layers[:-1]:
            x = block(x, pos, self.position)
        # the top layer mixes nothing that is not asked for; open rows cost more than fused ones
        few = last is not None and 2 * last <= tokens.shape[1]
        x = self.layers[-1](x, pos, self.position, last if few else None)
        return self.head(self.norm(x if last is None else x[:, -last:]), self.embedding.weight)

    def ids(
        self,
        tokens: Tensor,
        grids: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Give the position ids of tokens (B, T): (T,) or (T, B, axes)."""
        index = torch.arange(tokens.shape[1], device=tokens.device)
        return self.position_ids(index, grids, generator)

    def attention_inputs(self, tokens: Tensor, pos: Tensor | None = None) -> list[Tensor]:
        """Give what each layer's attention reads, L x (B, T, C)."""
        pos = self.ids(tokens) if pos is None else pos
        x, inputs = self._embed(tokens, pos), []
        for block in self.layers:
            inputs.append(block.read(x))
            x = block(x, pos, self.position)
        return inputs

    def replace(
        self,
        *,
        position: Position | None = None,
        attentions: list[Attention] | None = None,
        **attention_parts: Any,
    ) -> "Decoder":
        """Give a copy that shares all parameters, with another position, attentions or parts."""
        attentions = self.attentions if attentions is None else attentions
        if attention_parts:
            attentions = [attention.replace(**attention_parts) for attention in attentions]
        pairs = zip(self.layers, attentions, strict=True)
        blocks = nn.ModuleList(share(block, attention=attention) for block, attention in pairs)
        return share(self, position=position or self.position, blocks=blocks)

    def loss(self, batch: Batch, generator: torch.Generator, progress: float = 1.0) -> Loss:
        """Give the mean cross-entropy of the scored tokens, in nats, and their accuracy.

        What attentions ask for beside it (`aux`) is in the loss.
        """
        pos = self.ids(batch.inputs, batch.grids, generator)
        logits, labels = self(batch.inputs, pos).flatten(0, 1), batch.targets.flatten()
        loss = cross_entropy(logits, labels, ignore_index=IGNORED)
        for attention in self.attentions:
            loss = loss + attention.aux
        with torch.no_grad():
            scored = labels != IGNORED
            correct = (logits.argmax(-1) == labels) & scored
            accuracy = float(correct.sum() / scored.sum())
        return Loss(loss, accuracy)

    @torch.no_grad()
    def costs(self) -> dict[str, int]:
        """Count parameters, matrix products per token at length N, and what decoding keeps."""
        device = self.embedding.weight.device
        tokens = torch.zeros(1, self.train_length, dtype=torch.int64, device=device)
        # PyTorch counts the fused kernels of GPUs by itself: two products, masked pairs included
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        with FlopCounterMode(display=False, custom_mapping={kernel: _fused_flops}) as counter:
            self(tokens)
        return {
            "parameters": sum(parameter.numel() for parameter in self.parameters()),
            "flops_per_token": counter.get_total_flops() // self.train_length,
            "cache_elements_per_token": sum(a.cache_elements_per_token() for a in self.attentions),
            "state_elements": sum(a.state_elements() for a in self.attentions)
            + sum(b.convolution.state_elements() for b in self.layers if b.convolution),
        }

    def _embed(self, tokens: Tensor, pos: Tensor) -> Tensor:
        x = self.embedding(tokens)  # (B, T, C)
        embedded = self.position.embed(x, pos)
        assert embedded.shape == x.shape, f"position gave {embedded.shape} for {x.shape}"
        return embedded


def _fused_flops(
    q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], *_: Any, **__: Any
) -> int:
    """Count the products of a fused attention from the shapes (B, H, T, D)."""
    return sdpa_flop_count(q, k, v)
