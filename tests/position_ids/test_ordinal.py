import torch

from kexue_pipe.position_ids.ordinal import Ordinal


def test_the_nth_token_stands_at_n_in_training_too():
    for generator in (None, torch.Generator()):
        pos = Ordinal()(torch.arange(4), None, generator)
        assert pos.dtype == torch.float32 and pos.tolist() == [0, 1, 2, 3]
