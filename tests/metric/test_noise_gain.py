import pytest
import torch

from kexue_pipe.core.contracts import RowBlock, sample_rng
from kexue_pipe.metric.noise_gain import noise_gain
from kexue_pipe.metric.noise_law import noise_law


def _block(spread, rows=40, keys=400, width=16):
    generator = torch.Generator().manual_seed(0)
    scores = spread * torch.randn(1, 2, rows, keys, generator=generator, dtype=torch.float64)
    values = torch.randn(1, 2, keys, width, generator=generator, dtype=torch.float64)
    mask = torch.ones(rows, keys, dtype=torch.bool)
    return RowBlock(torch.full((rows,), keys - 1), mask, scores.softmax(-1), values, True)


def test_is_what_noise_on_the_scores_does():
    block = _block(1.0, rows=3, keys=7, width=2)
    x = torch.from_numpy(sample_rng("noise on scores", "test", 0, 0).standard_normal((7, 3)))
    p, v = block.weights, block.values
    o = p @ v
    far = (v[:, :, None] - o[:, :, :, None]).square().sum(-1)  # (B, H, R, S)
    noisy = [(p.log() + 0.5 * x[:, d]).softmax(-1) @ v for d in range(3)]
    energy = torch.stack([(n - o).square().sum(-1) for n in noisy]).mean(0)
    expected = energy / (p * far).sum(-1)
    torch.testing.assert_close(noise_gain(block, sigma=0.5, draws=3), expected)


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
def test_the_law_holds_for_small_noise(spread):
    block = _block(spread)
    measured = noise_gain(block, sigma=0.25, draws=64).mean()
    assert measured / noise_law(block, sigma=0.25).mean() == pytest.approx(1, abs=0.1)


def test_diffuse_rows_are_robust_and_sharp_ones_are_not():
    diffuse, sharp = (noise_gain(_block(s), sigma=0.25, draws=16).mean() for s in (0.3, 3.0))
    assert diffuse < 1e-3 and sharp > 10 * diffuse
