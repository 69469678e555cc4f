"""The nearest row of a table, without the differences of all pairs.

    k_i = argmin_j |z_i - e_j|^2 = argmin_j (|e_j|^2 - 2 z_i . e_j)

z (N, D) and E (K, D) with rows e_j; ties go to the lowest row. |z_i|^2 is the same for all rows and
is left out, so what is compared is no distance: it can be negative, and has no root.

The products are held in parts that fit the cache. On a processor the place of a least number costs
several times the number itself. Of few rows it is the least of the places that hold that number; of
many, the least of each block of rows comes first, and its place is looked for in the block that
wins.
"""

from collections.abc import Callable

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
    find = _among_few(table) if K <= FEW else _among_many(table)
    parts = z.split(max(1, HELD[z.device.type] // K))
    # beyond the last row are its copies, and what a latent finds that is not a number
    return torch.cat([find(part) for part in parts]).clamp_(max=K - 1)


def _among_few(table: Tensor) -> Callable[[Tensor], Tensor]:
    K, lengths = len(table), table.square().sum(1, keepdim=True)
    places = torch.arange(K, dtype=table.dtype, device=table.device)[:, None]

    def find(z: Tensor) -> Tensor:
        products = torch.addmm(lengths, table, z.T, alpha=-2)  # (K, n)
        larger = products.ne_(products.amin(0))  # 0 or 1
        return torch.add(places, larger, alpha=K).amin(0).long()

    return find


def _among_many(table: Tensor) -> Callable[[Tensor], Tensor]:
    missing = -len(table) % BLOCK
    table = torch.cat([table, table[-1:].expand(missing, -1)])  # whole blocks, of copies
    lines = torch.cat([-2 * table, table.square().sum(1, keepdim=True)], 1).T  # (D + 1, K)

    def find(z: Tensor) -> Tensor:
        blocks = (F.pad(z, (0, 1), value=1.0) @ lines).view(len(z), -1, BLOCK)
        winner = blocks.amin(2).min(1).indices  # min gives the first one, like argmin
        row = torch.arange(len(blocks), device=blocks.device)
        return winner * BLOCK + blocks[row, winner].min(1).indices

    return find
