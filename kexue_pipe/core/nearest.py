"""The nearest row of a table, without the differences of all pairs.

    k_i = argmin_j |z_i - e_j|^2 = argmin_j (|e_j|^2 - 2 z_i . e_j)

z (N, D) and E (K, D) with rows e_j; ties go to the lowest row. |z_i|^2 is the same for all rows and
is left out, so what is compared is no distance: it can be negative, and has no root.

The products are held in parts that fit the cache. On a processor the place of a least number costs
several times the number itself, so the least of each block of rows comes first, and its place is
only looked for in the block that wins.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

HELD = {"cpu": 2**18, "cuda": 2**26}  # products at once
BLOCK = 64  # rows
FEW = 4 * BLOCK  # rows that are not worth blocks


@torch.no_grad()
def nearest(z: Tensor, table: Tensor) -> Tensor:
    """Give the index of the nearest row of the table, (N, D) and (K, D) -> (N,)."""
    K = len(table)
    missing = -K % BLOCK if K > FEW else 0
    table = torch.cat([table, table[-1:].expand(missing, -1)])  # whole blocks
    lines = torch.cat([-2 * table, table.square().sum(1, keepdim=True)], 1).T  # (D + 1, K)
    points = F.pad(z, (0, 1), value=1.0)  # (N, D + 1)
    parts = points.split(max(1, HELD[z.device.type] // len(table)))
    # a copy of the last row is the last row
    return torch.cat([_first_lowest(part @ lines) for part in parts]).clamp_(max=K - 1)


def _first_lowest(products: Tensor) -> Tensor:
    """Give the first column that holds the smallest number of its row, (n, K) -> (n,)."""
    if products.shape[1] <= FEW:
        return products.min(1).indices  # min gives the first one, like argmin
    blocks = products.view(len(products), -1, BLOCK)
    winner = blocks.amin(2).min(1).indices
    row = torch.arange(len(blocks), device=blocks.device)
    return winner * BLOCK + blocks[row, winner].min(1).indices
