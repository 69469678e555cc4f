import torch

from kexue_pipe.attention.decay.none import NoDecay


def test_gives_nothing():
    assert NoDecay()(torch.zeros(2, 3, 4)) is None and NoDecay().step_size(torch.zeros(1)) is None
