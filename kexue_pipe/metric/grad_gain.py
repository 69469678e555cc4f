"""How much gradient an attention row lets through to its scores.

Formula: 1 - sum_j p_j^2 = 1/2 sum_jk |dp_j / ds_k| for softmax, between 0 (one key) and 1 - 1/L.
Symbols: p (B, H, R, S) share of each visible key in its row; s its scores, p = softmax(s).
Source: 从梯度最大化看Attention的Scale操作 (post 9812, 2023-10-22).
Departures: computed from the shares, also for normalisers that are not softmax.
"""

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import collision


def grad_gain(block: RowBlock) -> Tensor:
    """Compute half the l1 norm of the softmax Jacobian of each row, (B, H, R)."""
    return 1 - collision(block)
