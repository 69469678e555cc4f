"""Two attentions in one model: one in most layers, another at chosen depths.

    attention of layer l = far if l = min(L - 1, floor(d L)) for some d of `depths`, else near

    l, L   layer 0 ... L - 1, number of layers
    near   of most layers: a window, or a fixed state
    far    of the others: all of the past; with `far_position` false it is given no position
    HWFA   windows of w keys with RoPE, (w - 1)(L - 1) + 1 <= 3/4 N; the last layer sees all keys,
           without position and with log n scores
    HWFA2  windows with RoPE, one or two layers in the middle see all keys, with RoPE

Source: Jianlin Su, "Transformer升级之路:9、一种全局长度外推的新思路" (kexue.fm/archives/9603,
2023-05-12) for HWFA, "Transformer升级之路:14、当HWFA遇见ReRoPE" (kexue.fm/archives/9731,
2023-08-24) for HWFA2; hybrids with a fixed state: De et al., "Griffin: Mixing Gated Linear
Recurrences with Local Attention for Efficient Language Models" (arXiv 2402.19427).
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from kexue_pipe.core.contracts import Attention, Position, RowBlock, State
from kexue_pipe.core.share import share


class Hybrid(Attention):
    """A pattern of layers: every layer gets one of two attentions."""

    def __init__(self, *, near: Attention, far: Attention, depths: list[float], far_position: bool):
        super().__init__()
        self.near = near
        self.far = far if far_position else WithoutPosition(far)
        self.depths = depths

    def place(self, layer: int, num_layers: int) -> Attention:
        """Give the attention of a layer."""
        far = {min(num_layers - 1, int(depth * num_layers)) for depth in self.depths}
        return (self.far if layer in far else self.near).place(layer, num_layers)


class WithoutPosition(Attention):
    """An attention whose hooks of position are the identity."""

    def __init__(self, inner: Attention):
        super().__init__()
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        """Give the parts of the inner attention, which extensions read."""
        return super().__getattr__(name) if name == "inner" else getattr(self.inner, name)

    def place(self, layer: int, num_layers: int) -> "WithoutPosition":
        """Place the inner attention."""
        return WithoutPosition(self.inner.place(layer, num_layers))

    def forward(self, x: Tensor, pos: Tensor, position: Position) -> Tensor:
        """Mix tokens as the inner attention does."""
        return self.inner(x, pos, Position())

    def row_blocks(
        self, x: Tensor, pos: Tensor, position: Position, queries: Tensor
    ) -> Iterator[RowBlock]:
        """Yield the rows of the inner attention."""
        yield from self.inner.row_blocks(x, pos, Position(), queries)

    def last_rows(self, x: Tensor, pos: Tensor, position: Position, last: int) -> Tensor:
        """Give the last rows of the inner attention."""
        return self.inner.last_rows(x, pos, Position(), last)

    def init_state(self, batch: int) -> State:
        """Keep what the inner attention keeps."""
        return self.inner.init_state(batch)

    def step(
        self, x: Tensor, pos: Tensor, position: Position, state: State
    ) -> tuple[Tensor, State]:
        """Mix one more token."""
        return self.inner.step(x, pos, Position(), state)

    def merge(self, mixed: Tensor) -> Tensor:
        """Join the heads and project out."""
        return self.inner.merge(mixed)

    def replace(self, **parts: Any) -> "WithoutPosition":
        """Give a copy that shares all parameters, with other parts of the inner attention."""
        return share(self, inner=self.inner.replace(**parts))

    def cache_elements_per_token(self) -> int:
        """Count what the inner attention keeps."""
        return self.inner.cache_elements_per_token()

    def state_elements(self) -> int:
        """Count what the inner attention keeps."""
        return self.inner.state_elements()
