import torch

from kexue_pipe.attention.feature.exp import Exp


def test_products_by_hand():
    q, k = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 3.0]).double()
    phi_q, phi_k = Exp()(q, k)
    expected = torch.tensor([1.5, 1.0]).double().exp().sum()  # of e^(q + k), channel by channel
    torch.testing.assert_close(phi_q @ phi_k, expected)
