"""What the delta method predicts for the noise that an attention row passes on to its output.

Formula: R = (e^(sigma^2) - 1) sum_j p_j^2 |v_j - o|^2 / sum_j p_j |v_j - o|^2, about
(e^(sigma^2) - 1) sum_j p_j^2 where distances do not depend on shares: diffuse rows are robust.
Symbols: p (B, H, R, S) shares; v (B, H, S, D) values, o = sum_j p_j v_j; sigma of the noise.
Source: derived here for 注意力和Softmax的两点有趣发现:鲁棒性和信息量 (post 9593, 2023-04-25).
Departures: none; `noise_gain` is what is measured.
"""

from math import expm1

from torch import Tensor

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.core.rows import collision, mixture, probabilities, spread


def noise_law(block: RowBlock, *, sigma: float) -> Tensor:
    """Predict the noise energy of the output of each row, (B, H, R); NaN where values are equal."""
    square, v, o = probabilities(block).square(), block.values.double(), mixture(block)
    power = (square @ v.square().sum(-1, keepdim=True))[..., 0]  # sum_j p_j^2 |v_j|^2
    cross = (o * (square @ v)).sum(-1)
    apart = power - 2 * cross + o.square().sum(-1) * collision(block)
    return expm1(sigma**2) * apart / spread(block)
