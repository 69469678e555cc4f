import torch

from kexue_pipe.attention.scale.rsqrt import RSqrt


def test_scores_of_unit_variance_vectors_have_unit_variance():
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 1, 500, 17, generator=generator, dtype=torch.float64).unbind()
    q, k = RSqrt()(q, k, torch.arange(1, 501))
    # 250 000 products of 500 vectors each: about 1 / sqrt(500 * 17) = 0.01 relative
    assert abs((q @ k.mT).var().item() - 1) < 0.05


def test_number_of_keys_does_not_matter():
    q = torch.ones(1, 1, 3, 4)
    scaled, k = RSqrt()(q, q, torch.tensor([1, 10, 100]))
    assert (scaled == 0.5).all() and k is q
