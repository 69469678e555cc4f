from math import expm1

import torch

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.metric.noise_law import noise_law


def test_is_the_sum_over_keys():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(1, 1, 3, 7, generator=generator, dtype=torch.float64).softmax(-1)
    v = torch.randn(1, 1, 7, 2, generator=generator, dtype=torch.float64)
    far = (v[:, :, None] - (p @ v)[:, :, :, None]).square().sum(-1)  # (B, H, R, S)
    expected = expm1(0.04) * (p**2 * far).sum(-1) / (p * far).sum(-1)
    mask = torch.ones(3, 7, dtype=torch.bool)
    block = RowBlock(torch.full((3,), 6), mask, p, v, True)
    torch.testing.assert_close(noise_law(block, sigma=0.2), expected, rtol=1e-12, atol=0)


def test_a_uniform_row_follows_one_over_the_participation_ratio():
    v = torch.randn(1, 1, 50, 8, dtype=torch.float64)
    p = torch.full((1, 1, 1, 50), 1 / 50, dtype=torch.float64)
    block = RowBlock(torch.tensor([49]), torch.ones(1, 50, dtype=torch.bool), p, v, True)
    torch.testing.assert_close(noise_law(block, sigma=1.0).item(), expm1(1.0) / 50)
