"""Rows in the open: every coefficient of a block of queries, in float64.

    a_ij of the queries i of a block, over the keys j up to the last of them

At most 2^22 coefficients are held at a time, so memory grows neither with the number of queries nor
with the length beyond that. It works for every attention and every metric.

Source: the definition.
"""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from kexue_pipe.core.contracts import Attention, Position, RowBlock


def rows(
    attention: Attention, x: Tensor, pos: Tensor, position: Position, queries: Tensor
) -> Iterator[RowBlock]:
    """Yield the rows of the queries."""
    for block in attention.row_blocks(x, pos, position, queries):
        yield replace(block, weights=block.weights.double())
