import torch

from kexue_pipe.attention.feature.relu import Relu


def test_values_by_hand():
    x = torch.tensor([-2.0, 0.0, 3.0])
    for features in Relu(eps=0.5)(x, x):
        assert features.tolist() == [0.5, 0.5, 3.5]
