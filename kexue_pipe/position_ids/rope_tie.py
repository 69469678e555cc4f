"""RoPE-Tie ids: a grid is stretched so that it is as far from the text before as from that after.

    patch (x, y):  (L + s x, L + t y),    next text token:  K = L + (h + 1) s = L + (w + 1) t
    integer:  s = w + 1, t = h + 1;    real:  s = (w h + 1) / (h + 1), t = (w h + 1) / (w + 1)

    L     coordinate of the text token before the grid
    x, y  row and column of the patch, 1 ... h and 1 ... w
    s, t  spacing of rows and of columns; it depends on the size of the grid

The third axis, of frames, has one row in the middle. With real spacing the grid also takes the
room of its tokens, K = L + w h + 1.

Source: Jianlin Su, "Transformer升级之路:17、多模态位置编码的简单思考" (kexue.fm/archives/10040,
2024-03-29).
"""

from torch import Generator, Tensor

from kexue_pipe.core.contracts import PositionIds
from kexue_pipe.core.layouts import grid_ids, tie_integer, tie_real


class RopeTie(PositionIds):
    """Spacing that leaves equal gaps on both sides of a grid."""

    def __init__(self, *, spacing: str):
        super().__init__()
        self.layout = {"integer": tie_integer, "real": tie_real}[spacing]

    def forward(self, index: Tensor, grids: Tensor | None, generator: Generator | None) -> Tensor:
        """Give row, column and frame, (T, B, 3), or the indices where there is no grid."""
        return grid_ids(self.layout, index, grids)
