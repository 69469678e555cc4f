"""What metrics read of attention rows, computed at most once for a block of them.

Formula: p_j = |a_j| / sum_j |a_j| over the visible keys j of a row; L = number of visible keys.
Symbols: a (B, H, R, S) coefficients; p (B, H, R, S) float64, 0 at masked keys; L (R,) float64.
A masked key is not a zero: it counts in no length, rank or fraction. A row with L < 2, or whose
coefficients are all 0, has no distribution: its p is NaN, and so is every metric of it.

A back-end that never holds a row fills in `block.known` what it sums on the way; a metric of these
sums alone then reads the same from it as from open rows.
"""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock

ROUNDING = 1e-12  # of sums that are compared with a share
FIRST = 16  # keys at the start of the sequence whose shares every back-end gives
Quantity = Callable[[RowBlock], Tensor]


def once(compute: Quantity) -> Quantity:
    """Keep what is computed of a block with the block: several metrics read the same."""

    @wraps(compute)
    def kept(block: RowBlock) -> Tensor:
        if compute.__name__ not in block.known:
            block.known[compute.__name__] = compute(block)
        return block.known[compute.__name__]

    return kept


def closed(queries: Tensor, values: Tensor, known: dict[str, Tensor]) -> RowBlock:
    """Give a block of which only these quantities are known; a row of one key has none."""
    B, H, *_ = values.shape
    mask = torch.zeros(len(queries), 0, dtype=torch.bool, device=queries.device)
    block = RowBlock(queries, mask, values.new_zeros(B, H, *mask.shape), values, True)
    alone = known["visible_keys"] < 2
    for name, value in known.items():
        per_row = name in ("visible_keys", "uniform_distance")
        hidden = alone[:, None] if name == "first" else alone
        block.known[name] = value if per_row else value.masked_fill(hidden, torch.nan)
    return block


@once
def visible_keys(block: RowBlock) -> Tensor:
    """Count the keys that each row may see, (R,) float64."""
    return block.mask.sum(-1).double()


@once
def coefficients(block: RowBlock) -> Tensor:
    """Give the coefficients of the visible keys, 0 elsewhere, (B, H, R, S) float64."""
    return block.weights.double().masked_fill(~block.mask, 0.0)


@once
def probabilities(block: RowBlock) -> Tensor:
    """Give the share of each key in its row, (B, H, R, S) float64."""
    size = coefficients(block).abs()
    total = size.sum(-1, keepdim=True)
    total = total.masked_fill((visible_keys(block) < 2)[:, None], torch.nan)
    return size / total


@once
def ordered(block: RowBlock) -> Tensor:
    """Sort the shares of each row, smallest first: masked keys come before all others."""
    return probabilities(block).sort(-1).values


@once
def inequality(block: RowBlock) -> Tensor:
    """Give the Gini index of each row, (B, H, R)."""
    count, shares = visible_keys(block), ordered(block)
    keys = shares.shape[-1]
    place = torch.arange(1, keys + 1, dtype=torch.float64, device=shares.device)
    # sum_k k p_(k) with k = place - masked keys, and sum_k p_(k) = 1
    moment = shares @ place - (keys - count)
    return (2 * moment - count - 1) / count


@once
def nats(block: RowBlock) -> Tensor:
    """Give the entropy of each row, -sum_j p_j log p_j, (B, H, R)."""
    return torch.special.entr(probabilities(block)).sum(-1)


@once
def collision(block: RowBlock) -> Tensor:
    """Give sum_j p_j^2, the chance that two draws from a row agree, (B, H, R)."""
    return probabilities(block).square().sum(-1)


@once
def largest(block: RowBlock) -> Tensor:
    """Give the largest share of each row, (B, H, R)."""
    return probabilities(block).amax(-1)


@once
def first(block: RowBlock) -> Tensor:
    """Give the shares of the first keys of the sequence, (B, H, R, at most 16)."""
    return probabilities(block)[..., :FIRST]


@once
def mixture(block: RowBlock) -> Tensor:
    """Give o = sum_j p_j v_j of each row, (B, H, R, D) float64."""
    return probabilities(block) @ block.values.double()


@once
def spread(block: RowBlock) -> Tensor:
    """Give sum_j p_j |v_j - o|^2, how far the values of a row lie apart, (B, H, R)."""
    power = block.values.double().square().sum(-1, keepdim=True)
    apart = (probabilities(block) @ power)[..., 0] - mixture(block).square().sum(-1)
    return apart.clamp(min=0.0)


def covering(block: RowBlock, share: float) -> Tensor:
    """Count the largest shares that add up to `share` in each row, (B, H, R)."""
    rest = ordered(block).cumsum(-1)  # of the smallest shares
    spared = (rest <= 1 - share + ROUNDING).sum(-1)
    count = (rest.shape[-1] - spared).double()
    return count.masked_fill(rest[..., -1].isnan(), torch.nan)


@once
def distances(block: RowBlock) -> Tensor:
    """Give query index minus key index, (R, S) float64, 0 at masked keys."""
    keys = torch.arange(block.mask.shape[-1], device=block.mask.device)
    return (block.queries[:, None] - keys).double().masked_fill(~block.mask, 0.0)


@once
def uniform_distance(block: RowBlock) -> Tensor:
    """Give the mean of i - j over the visible keys of each row, (R,)."""
    return distances(block).sum(-1) / visible_keys(block)


@once
def mean_distance(block: RowBlock) -> Tensor:
    """Give sum_j p_j (i - j) of each row, (B, H, R)."""
    return (probabilities(block) * distances(block)).sum(-1)
