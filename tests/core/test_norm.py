"""The fast norm: PyTorch's numbers, and its gradients."""

import torch
from torch import nn

from kexue_pipe.core.norm import RMSNorm

B, T, C = 3, 5, 7


def test_equals_the_norm_of_pytorch_and_its_gradients():
    generator = torch.Generator().manual_seed(0)
    x, gradient = torch.randn(2, B, T, C, generator=generator, dtype=torch.float64)
    gain = torch.randn(C, generator=generator, dtype=torch.float64)
    found = []
    for make in (RMSNorm, nn.RMSNorm):
        norm, leaf = make(C, eps=1e-3).double(), x.clone().requires_grad_()
        norm.load_state_dict({"weight": gain})
        y = norm(leaf)
        y.backward(gradient)
        found.append([y.detach(), leaf.grad, norm.weight.grad])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(norm(x), found[0][0], rtol=0, atol=1e-12)


def test_a_vector_of_zeros_has_a_finite_gradient():
    norm, x = RMSNorm(C, eps=1e-6), torch.zeros(2, C, requires_grad=True)
    norm(x).sum().backward()
    assert x.grad.isfinite().all() and norm.weight.grad.eq(0).all()
