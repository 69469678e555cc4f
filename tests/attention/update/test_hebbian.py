import torch

from kexue_pipe.attention.update.hebbian import Hebbian


def test_a_step_adds_an_outer_product():
    state, k, v = torch.ones(1, 1, 2, 3), torch.tensor([[[[1.0, 2.0]]]]), torch.ones(1, 1, 1, 3)
    assert Hebbian().step(state, k, v, None)[0, 0].tolist() == [[2.0] * 3, [3.0] * 3]
