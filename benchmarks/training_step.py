"""Time of one training step of the decoder, beside peers of the same shape.

    python benchmarks/training_step.py [--shape small] [--rounds 120]

A step is forward, cross-entropy, backward, clipping and fused AdamW on one thread, each side with
the same batches, optimizer and learning rates; ours also counts the accuracy that it logs. Sides
take turns, and are timed in seconds of the processor and not of the clock, so that other processes
matter little. `ratio` is ours / theirs, the median over rounds; below 1 ours is faster. `loss` is
the mean of the last tenth of the rounds, and of all rounds between them the curves can be compared.

plain is a decoder as nanoGPT has it: learned positions, LayerNorm, GELU, fused attention.
"""

import argparse
import time
from collections.abc import Callable
from statistics import mean, median
from typing import NamedTuple

import torch
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.nn import functional as F

from kexue_pipe.core.components import build_model, build_task
from kexue_pipe.core.contracts import Batch
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import train_plan
from kexue_pipe.train import _step

GOAL = 0.65  # of the fastest peer
SEED, WARM_UP = 0, 3


class Shape(NamedTuple):
    """What all sides share; heads are H of width D, the feed-forward is 4 C wide."""

    B: int
    T: int
    layers: int
    C: int
    H: int = 4
    D: int = 32
    rounds: int = 120


SHAPES = {"small": Shape(32, 64, 2, 64), "medium": Shape(16, 256, 4, 128, rounds=30)}


class PlainBlock(nn.Module):
    """Attention and feed-forward, each on a normalised copy of the stream."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads = (shape.H, shape.D)
        inner = shape.H * shape.D
        self.norm1, self.norm2 = (nn.LayerNorm(shape.C, bias=False) for _ in range(2))
        self.qkv = nn.Linear(shape.C, 3 * inner, bias=False)
        self.out = nn.Linear(inner, shape.C, bias=False)
        self.up = nn.Linear(shape.C, 4 * shape.C, bias=False)
        self.down = nn.Linear(4 * shape.C, shape.C, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Plain(nn.Module):
    """A decoder with nothing in it that a tutorial would not have."""

    def __init__(self, shape: Shape, V: int):
        super().__init__()
        self.tokens, self.places = nn.Embedding(V, shape.C), nn.Embedding(shape.T, shape.C)
        self.blocks = nn.Sequential(*(PlainBlock(shape) for _ in range(shape.layers)))
        self.norm = nn.LayerNorm(shape.C, bias=False)
        self.head = nn.Linear(shape.C, V, bias=False)
        for module in (self.tokens, self.places, self.head):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places.weight
        return self.head(self.norm(self.blocks(x)))


def x_transformers(shape: Shape, V: int) -> Callable[[Tensor], Tensor]:
    """Build the decoder of x-transformers with rotary positions."""
    from x_transformers import Decoder, TransformerWrapper

    layers = Decoder(
        dim=shape.C, depth=shape.layers, heads=shape.H, attn_dim_head=shape.D,
        rotary_pos_emb=True, use_rmsnorm=True, ff_no_bias=True, attn_flash=True,
    )  # fmt: skip
    return TransformerWrapper(
        num_tokens=V, max_seq_len=shape.T, attn_layers=layers, use_abs_pos_emb=False
    )


class Llama(nn.Module):
    """The Llama of transformers; its gated feed-forward has as many parameters as ours."""

    def __init__(self, shape: Shape, V: int):
        super().__init__()
        from transformers import LlamaConfig, LlamaForCausalLM

        self.model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=V, hidden_size=shape.C, intermediate_size=round(shape.C * 8 / 3),
                num_hidden_layers=shape.layers, num_attention_heads=shape.H,
                num_key_value_heads=shape.H, head_dim=shape.D, use_cache=False,
                max_position_embeddings=shape.T, attn_implementation="sdpa",
            )
        )  # fmt: skip

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model(input_ids=tokens).logits


Peers = dict[str, Callable[[Shape, int], nn.Module]]
PEERS: Peers = {
    "plain": Plain, "x-transformers": x_transformers, "transformers Llama": Llama,
}  # fmt: skip


class Sides:
    """Ours and the peers at one shape, and the batches that all of them see."""

    def __init__(self, shape: Shape, rounds: int, peers: Peers = PEERS):
        overrides = [
            f"size.train_length={shape.T}", f"size.width={shape.C}",
            f"size.num_layers={shape.layers}", f"size.num_heads={shape.H}",
            f"size.head_width={shape.D}", f"task.train.batch_size={shape.B}",
        ]  # fmt: skip
        found = variant(overrides)
        nodes = train_plan(found.name, {"nodes": found.nodes}, seeds=1)["nodes"]
        self.task = build_task(nodes)
        self.shape, self.rounds = shape, rounds
        self.recipe = instantiate(nodes["optimizer"])
        self.ours = build_model(nodes, self.task, SEED).train()
        self.steps = {"kexue_pipe": self._our_step()}
        for name, build in peers.items():
            torch.manual_seed(SEED)
            try:
                self.steps[name] = self._their_step(build(shape, self.task.vocabulary_size).train())
            except ImportError as error:
                print(f"{name} is left out: {error}")

    def batch(self, step: int) -> Batch:
        """Draw the batch of a step."""
        return self.task.batch("train", SEED, step, self.shape.B)

    def _optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        return self.recipe.optimizer(model)

    def _our_step(self) -> Callable[[Batch, float], float]:
        optimizer, generator = self._optimizer(self.ours), torch.Generator()

        def step(batch: Batch, rate: float) -> float:
            for group in optimizer.param_groups:
                group["lr"] = rate
            return _step(self.ours, optimizer, self.recipe, batch, generator, 0.5)[0]

        return step

    def _their_step(self, model: nn.Module) -> Callable[[Batch, float], float]:
        optimizer = self._optimizer(model)

        def step(batch: Batch, rate: float) -> float:
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = F.cross_entropy(model(batch.inputs).flatten(0, 1), batch.targets.flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.recipe.clip(model)
            optimizer.step()
            return loss.item()

        return step

    def run(self) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """Take all steps in turns; give the seconds and the losses of each side."""
        seconds: dict[str, list[float]] = {name: [] for name in self.steps}
        losses: dict[str, list[float]] = {name: [] for name in self.steps}
        for i in range(self.rounds):
            batch, rate = self.batch(i), self.recipe.rate(i, self.rounds)
            for name, step in self.steps.items():
                start = time.process_time()
                losses[name].append(step(batch, rate))
                seconds[name].append(time.process_time() - start)
        return seconds, losses


def table(name: str, shape: Shape, rounds: int) -> None:
    """Print one table."""
    seconds, losses = Sides(shape, rounds).run()
    mine = seconds["kexue_pipe"][WARM_UP:]
    tail = max(1, rounds // 10)
    print(f"\n{name}: B {shape.B}, T {shape.T}, {shape.layers} layers, width {shape.C}")
    print(f"{'':20} {'ms':>8} {'ratio':>6} {'loss at the end':>16} {'halfway':>8}")
    ratios = {}
    for side, spent in seconds.items():
        ratios[side] = median(a / b for a, b in zip(mine, spent[WARM_UP:], strict=True))
        loss = losses[side]
        half = loss[rounds // 2 - tail : rounds // 2]
        print(
            f"{side:20} {1e3 * median(spent[WARM_UP:]):8.2f} {ratios[side]:6.2f} "
            f"{mean(loss[-tail:]):16.3f} {mean(half):8.3f}"
        )
    worst = max(ratio for side, ratio in ratios.items() if side != "kexue_pipe")
    print(
        f"ours / fastest peer: {worst:.2f} (goal: {GOAL}, {'met' if worst <= GOAL else 'not met'})"
    )


def main() -> None:
    """Print a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.shape or SHAPES:
        table(name, SHAPES[name], arguments.rounds or SHAPES[name].rounds)


if __name__ == "__main__":
    main()
