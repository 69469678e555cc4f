"""How much of the noise on its scores an attention row passes on to its output.

Formula: R = E |o~ - o|^2 / sum_j p_j |v_j - o|^2,
o~ = sum_j p_j e^(x_j) v_j / sum_j p_j e^(x_j).
Symbols: p (B, H, R, S) shares; v (B, H, S, D) values, o = sum_j p_j v_j; x_j ~ N(0, sigma^2)
independent noise on the score of key j; E mean over draws.
Source: 注意力和Softmax的两点有趣发现:鲁棒性和信息量 (post 9593, 2023-04-25), which expects
about 0.
Departures: relative to the spread of the values; all rows share the draws, the same for all models.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import RowBlock, sample_rng
from kexue_pipe.core.rows import mixture, probabilities, spread


def noise_gain(block: RowBlock, *, sigma: float, draws: int) -> Tensor:
    """Measure the noise energy of the output of each row, (B, H, R); NaN where values are equal."""
    v = block.values.double()  # (B, H, S, D)
    rng = sample_rng("noise on scores", "test", 0, 0)
    x = torch.from_numpy(rng.standard_normal((v.shape[-2], draws))).to(v.device)  # (S, draws)
    factor = (sigma * x).exp()
    noisy = torch.cat(
        [(factor[..., None] * v[..., None, :]).flatten(-2), factor.expand(*v.shape[:-1], draws)], -1
    )  # (B, H, S, draws D + draws)
    mixed, total = (probabilities(block) @ noisy).split([draws * v.shape[-1], draws], -1)
    error = mixed.unflatten(-1, (draws, -1)) / total[..., None] - mixture(block)[..., None, :]
    return error.square().sum(-1).mean(-1) / spread(block)
