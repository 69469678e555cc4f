import torch

from kexue_pipe.attention.feature.dual_softmax import DualSoftmax


def test_both_softmaxes_over_the_past_of_one_query():
    """With key channels normalised one by one, q mixes D distributions over the positions."""
    q, k = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)).double()
    phi_q, phi_k = DualSoftmax()(q, k)
    torch.testing.assert_close(phi_q.sum(-1), torch.ones(6).double())
    expected = q.softmax(-1) @ k.softmax(0).mT
    rows = phi_q @ (phi_k / phi_k.sum(0)).mT
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-14)
