"""No quantizer: the identity."""

import torch

from kexue_pipe.quantizer.none import NoQuantizer


def test_latents_pass_unchanged_with_their_gradient():
    z = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    out = NoQuantizer(D=3)(z, torch.Generator())
    w = torch.randn(7, 3, dtype=torch.float64)
    (out.z_q * w).sum().backward()
    assert torch.equal(out.z_q, z) and torch.equal(z.grad, w)
    assert out.aux == 0


def test_there_is_no_code():
    quantizer = NoQuantizer(D=5)
    assert (quantizer.dim, quantizer.num_codes, quantizer.digits) == (5, 0, ())
