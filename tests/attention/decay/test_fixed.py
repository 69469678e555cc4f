import torch

from kexue_pipe.attention.decay.fixed import FixedDecay


def test_decays_are_those_of_the_paper():
    log = FixedDecay(num_heads=3, first=5.0)(torch.zeros(2, 7, 4))
    assert log.shape == (1, 3, 7, 1)
    expected = torch.tensor([1 - 1 / 32, 1 - 1 / 64, 1 - 1 / 128])
    torch.testing.assert_close(log.exp()[0, :, 4, 0], expected)
