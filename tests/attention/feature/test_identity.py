import torch

from kexue_pipe.attention.feature.identity import Identity


def test_products_are_the_scaled_scores():
    q, k = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0)).double()
    phi_q, phi_k = Identity()(q, k)
    torch.testing.assert_close(phi_q @ phi_k.mT, q @ k.mT / 4, rtol=0, atol=1e-14)
