import torch

from kexue_pipe.attention.readout.rmsnorm import HeadNorm
from kexue_pipe.core.initialise import initialise


def test_every_head_has_size_one_whatever_its_scale():
    readout = HeadNorm(head_width=8)
    initialise(readout, 0)
    x = torch.randn(2, 3, 5, 8) * torch.logspace(0, 3, 5)[:, None]
    mixed = readout(x)
    torch.testing.assert_close(mixed.square().mean(-1), torch.ones(2, 3, 5), rtol=1e-4, atol=0)
    torch.testing.assert_close(readout(100 * x), mixed, rtol=1e-4, atol=1e-6)
