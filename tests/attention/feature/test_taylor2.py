import torch

from kexue_pipe.attention.feature.taylor2 import Taylor2


def test_products_are_the_first_three_terms_of_the_exponential():
    q, k = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(0)).double()
    feature = Taylor2(head_width=16).double()
    phi_q, phi_k = feature(q, k)
    s = q @ k.mT / 4
    torch.testing.assert_close(feature.overlap(q, k), 1 + s + s**2 / 2, rtol=1e-13, atol=0)
    torch.testing.assert_close(phi_q @ phi_k.mT, 1 + s + s**2 / 2, rtol=1e-13, atol=0)
    assert phi_q.shape[-1] == 1 + 16 + 16 * 17 // 2 and (phi_q @ phi_k.mT > 0).all()
