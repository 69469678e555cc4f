"""Grid ids: a grid starts at the corner where its first token stands, and counts as its tokens.

    text token n:  (n, n, n),    patch (x, y) of a grid that starts at token f:  (f + x, f + y, f)

    x, y  row and column of the patch, 0 ... h - 1 and 0 ... w - 1
    n, f  token index

The ids of text are those of the flattened sequence. The end of a grid is farther from the text
after it than its start is from the text before it: compatible and equivalent, not symmetric.

Source: the plainest layout that keeps two of the three principles of Jianlin Su,
"“闭门造车”之多模态思路浅谈(三):位置编码" (kexue.fm/archives/10352, 2024-09-06).
"""

from torch import Generator, Tensor

from kexue_pipe.core.contracts import PositionIds
from kexue_pipe.core.layouts import grid, grid_ids


class Grid(PositionIds):
    """Rows and columns counted from the first token of the grid."""

    def forward(self, index: Tensor, grids: Tensor | None, generator: Generator | None) -> Tensor:
        """Give row, column and frame, (T, B, 3), or the indices where there is no grid."""
        return grid_ids(grid, index, grids)
