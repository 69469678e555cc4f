"""The straight-through estimator: exact value, untouched gradient."""

import pytest
import torch

from kexue_pipe.quantizer.estimator.ste import STE


@pytest.mark.parametrize("training", [False, True])
def test_value_is_exactly_the_row_and_the_gradient_that_of_the_decoder(training):
    draws = torch.Generator().manual_seed(0)
    z, q, w = torch.randn(3, 7, 5, generator=draws)
    z = (z * 1e8).requires_grad_()  # z + (q - z) would lose q here
    q.requires_grad_()
    out = STE()(z, q, draws, training)
    (out * w).sum().backward()
    assert torch.equal(out, q) and torch.equal(z.grad, w) and q.grad is None
