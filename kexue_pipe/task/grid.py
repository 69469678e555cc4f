"""Complete a grid whose cells repeat the cell above, between a text and a question about it.

    document = blanks, x[1 ... p], cells[1 ... h, 1 ... w] row by row, ASK, x[1 ... p]
    cells[r, c] = cells[r - 1, c] with probability 1 - f, else uniform;  cells[1, c] uniform

x are p distinct letters, p uniform on 2 ... 4, and A = `num_symbols` letters and as many cell
symbols make, with the blank and ASK, the vocabulary V = 2 A + 2. h is as large as the length T
allows, and blanks fill the rest. Scored are the cells that repeat the cell above, outside the first
column, and the letters after ASK: there the answer is determined. f = `fresh` is the share of cells
drawn anew; it keeps rows from being told apart, or found, by their content.

The answer to a cell stands w - 1 tokens back, always one row up and one column right of the cell
that is read, whatever w is; the first cell of a row is left out, since its row above is w columns
away. Nothing but the position ids, and which cells agree, tells the width.

Streams: `seen`, as in training, has w uniform on 4 ... 8; `wider` has 9 ... 12; `question` is as
`seen`, and only the letters after ASK are scored: the text stands a whole grid back.

`levels`: `alphabet` is a uniform guess among the A symbols of the right kind.

Source: the argument for several axes in Jianlin Su, "“闭门造车”之多模态思路浅谈(三):位置编码"
(kexue.fm/archives/10352, 2024-09-06), made a task: rows of a width that varies.
"""

from math import log

import numpy as np

from kexue_pipe.core.contracts import IGNORED, Batch
from kexue_pipe.core.samples import Sample, Sampled

WIDTHS = {"seen": (4, 8), "wider": (9, 12), "question": (4, 8)}  # cells in a row, both included
TEXT = (2, 4)  # letters, both included
BLANK, ASK, FIRST = 0, 1, 2  # letters are FIRST ..., cell symbols follow them


class Grid(Sampled):
    """Documents with one grid of a random width each."""

    name = "grid"
    train_stream = "seen"
    solved_at = 0.95
    data_hash = ""
    fixed_targets = False
    optimum: dict[str, float | None] = dict.fromkeys(WIDTHS, 0.0)

    def __init__(self, *, train_length: int, num_symbols: int, fresh: float) -> None:
        self.train_length = train_length
        self.num_symbols = num_symbols
        self.fresh = fresh
        self.vocabulary_size = 2 * num_symbols + FIRST
        self.chance = 1 / self.vocabulary_size

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document of a stream."""
        w = int(rng.integers(*WIDTHS[stream], endpoint=True))
        p = int(rng.integers(*TEXT, endpoint=True))
        h, blanks = divmod(length - 2 * p, w)
        if h < 2:
            raise ValueError(f"{length} tokens hold no two rows of {w}; give 32 tokens or more")
        text = FIRST + rng.permutation(self.num_symbols)[:p]
        cells, repeats = self._cells(rng, h, w)
        grid = FIRST + self.num_symbols + cells.ravel()
        document = np.concatenate([np.full(blanks, BLANK), text, grid, [ASK], text])
        source = np.full(length + 1, -1)  # token that each token repeats
        first = blanks + p
        if stream != "question":
            below = first + np.flatnonzero(repeats)
            source[below] = below - w
        source[-p:] = np.arange(blanks, first)
        lags = np.where(source < 0, -1, np.arange(-1, length) - source)[1:]
        labels = np.where(lags < 0, IGNORED, document[1:])
        return Sample(document[:-1], labels, lags, np.array([[first, h, w]]))

    def levels(self, documents: Batch, last: int) -> dict[str, tuple[float, float]]:
        """Score a uniform guess among the symbols of the right kind."""
        return {"alphabet": (log(self.num_symbols), 1 / self.num_symbols)}

    def _cells(self, rng: np.random.Generator, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw a grid (h, w), and which of its cells repeat the one above and are scored."""
        cells = rng.integers(self.num_symbols, size=(h, w))
        repeats = rng.random((h, w)) >= self.fresh
        repeats[0] = False
        for row in range(1, h):
            cells[row] = np.where(repeats[row], cells[row - 1], cells[row])
        repeats[:, 0] &= False
        return cells, repeats
