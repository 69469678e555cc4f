"""Layouts: where the tokens of text and of grids stand on the axes row, column and frame.

    text token:           c + (1, 1, 1),          c <- c + 1
    grid of n_1 n_2 n_3:  c + b_a + s_a x_a,      c <- c + K - 1,    x_a = 1 ... n_a

    layout        b_a                       s_a            K
    grid          0                         1              n_1 n_2 n_3 + 1
    m_rope        0                         1              max_a n_a + 1
    tie_integer   0                         K / (n_a + 1)  (n_1 + 1)(n_2 + 1)
    tie_real      0                         K / (n_a + 1)  n_1 n_2 n_3 + 1
    tv            (n_1 n_2 n_3 - n_a) / 2   1              n_1 n_2 n_3 + 1

    c    coordinate of the token before, the same on all axes; -1 at the start
    n_a  rows, columns and frames of a grid; a picture is one frame
    K    from the token before the grid to the token after it

Text alone is n -> (n, n, n) in all of them (compatibility); a grid takes the room of its tokens in
grid, tie_real and tv (equivalence); it is as far from the text before as from the text after in
tie_* and tv (symmetry). Tokens are flattened frame by frame, row by row. The integer spacing of
the post is for two axes; here its frames are spaced by the same rule, s_3 = K / (n_3 + 1).

Source: Jianlin Su, "Transformer升级之路:17、多模态位置编码的简单思考" (kexue.fm/archives/10040,
2024-03-29) for tie, and "“闭门造车”之多模态思路浅谈(三):位置编码" (kexue.fm/archives/10352,
2024-09-06) for tv and the three principles; "Qwen2-VL" (arXiv 2409.12191) for m_rope.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

AXES = ("row", "column", "frame")
Segment = tuple[int, ...]  # (n,) tokens of text, (h, w) a picture, (h, w, t) a video
Layout = Callable[[Sequence[Segment]], Tensor]
Place = Callable[[Tensor], tuple[Tensor | float, Tensor | float, float]]  # n (3,) -> b, s, K


def grid(segments: Sequence[Segment]) -> Tensor:
    """Put each grid at the corner where its first token stands, (T, 3)."""
    return _lay_out(segments, lambda n: (0.0, 1.0, float(n.prod()) + 1))


def m_rope(segments: Sequence[Segment]) -> Tensor:
    """Put text after the largest coordinate of the grid before it, (T, 3)."""
    return _lay_out(segments, lambda n: (0.0, 1.0, float(n.max()) + 1))


def tie_integer(segments: Sequence[Segment]) -> Tensor:
    """Space rows and columns by whole numbers, (T, 3)."""
    return _lay_out(segments, lambda n: _tie(n, float((n[:2] + 1).prod())))


def tie_real(segments: Sequence[Segment]) -> Tensor:
    """Space each axis so that the grid takes the room of its tokens, (T, 3)."""
    return _lay_out(segments, lambda n: _tie(n, float(n.prod()) + 1))


def tv(segments: Sequence[Segment]) -> Tensor:
    """Put each grid, with unit spacing, in the middle of the room of its tokens, (T, 3)."""
    return _lay_out(segments, lambda n: ((n.prod() - n) / 2, 1.0, float(n.prod()) + 1))


def grid_ids(layout: Layout, index: Tensor, grids: Tensor | None) -> Tensor:
    """Lay out each document, (T, B, 3), from its grids (B, G, 3); without grids the index, (T,)."""
    if grids is None:
        return index.float()
    rows = [tuple(map(tuple, row)) for row in grids.tolist()]
    return torch.stack([_document(layout, len(index), row) for row in rows], 1).to(index.device)


def segments_of(length: int, grids: Sequence[tuple[int, ...]]) -> tuple[Segment, ...]:
    """Give the segments of a document from the first token, height and width of its grids."""
    segments: list[Segment] = []
    end = 0
    for first, h, w in grids:
        if h * w:  # documents with fewer grids than others are filled with empty ones
            segments += [(first - end,), (h, w)]
            end = first + h * w
    return (*segments, (max(0, length - end),))


@lru_cache(maxsize=1024)
def _document(layout: Layout, length: int, grids: tuple[tuple[int, ...], ...]) -> Tensor:
    return layout(segments_of(length, grids))[:length].float()  # float32 holds halves exactly


def _tie(n: Tensor, room: float) -> tuple[float, Tensor, float]:
    return 0.0, room / (n + 1), room


def _lay_out(segments: Sequence[Segment], place: Place) -> Tensor:
    """Walk along the diagonal, and place each grid where the walk has come."""
    parts, corner = [], -1.0
    for segment in segments:
        if len(segment) == 1:
            text = corner + torch.arange(1, segment[0] + 1, dtype=torch.float64)
            parts.append(text[:, None].expand(-1, 3))
            corner += segment[0]
        else:
            h, w, t = (*segment, 1)[:3]
            offset, step, room = place(torch.tensor([h, w, t], dtype=torch.float64))
            counts = (torch.arange(1, n + 1, dtype=torch.float64) for n in (t, h, w))
            patches = torch.cartesian_prod(*counts)[:, [1, 2, 0]]  # (t h w, 3) row, column, frame
            parts.append(corner + offset + step * patches)
            corner += room - 1
    return torch.cat(parts)
