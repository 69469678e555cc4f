"""RoPE-Tie-v2 (RoPE-TV) ids: a grid stands, with unit spacing, in the middle of its tokens' room.

    patch (x, y):  (L + (w h - h) / 2 + x,  L + (w h - w) / 2 + y),    next text token:  L + w h + 1

    L     coordinate of the text token before the grid
    x, y  row and column of the patch, 1 ... h and 1 ... w

The third axis, of frames, has one row: (w h - 1) / 2 + 1. Coordinates may be halves. A grid counts
as its tokens (equivalence), lies midway between the texts (symmetry), and text alone is as in one
dimension (compatibility).

Source: Jianlin Su, "“闭门造车”之多模态思路浅谈(三):位置编码" (kexue.fm/archives/10352, 2024-09-06).
"""

from torch import Generator, Tensor

from kexue_pipe.core.contracts import PositionIds
from kexue_pipe.core.layouts import grid_ids, tv


class RopeTv(PositionIds):
    """Unit spacing, in the middle of as much room as the grid has tokens."""

    def forward(self, index: Tensor, grids: Tensor | None, generator: Generator | None) -> Tensor:
        """Give row, column and frame, (T, B, 3), or the indices where there is no grid."""
        return grid_ids(tv, index, grids)
