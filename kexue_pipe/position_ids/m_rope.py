"""M-RoPE ids: a grid starts where the text has come, and text goes on after its largest coordinate.

    patch (x, y):  (L + x, L + y, L + 1),    next text token:  L + max(h, w) + 1

    L     coordinate of the text token before the grid
    x, y  row and column of the patch, 1 ... h and 1 ... w

Text alone is as in one dimension (compatibility). A grid takes less room than its tokens, and is
nearer to the text before than to the text after: neither equivalent nor symmetric.

Source: "Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution"
(arXiv 2409.12191). Departure: axes are ordered row, column, frame.
"""

from torch import Generator, Tensor

from kexue_pipe.core.contracts import PositionIds
from kexue_pipe.core.layouts import grid_ids, m_rope


class MRope(PositionIds):
    """Unit spacing from the text before, and the next text after the largest coordinate."""

    def forward(self, index: Tensor, grids: Tensor | None, generator: Generator | None) -> Tensor:
        """Give row, column and frame, (T, B, 3), or the indices where there is no grid."""
        return grid_ids(m_rope, index, grids)
