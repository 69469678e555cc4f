import pytest
import torch

from kexue_pipe.extension.ntk_fixed import extend
from kexue_pipe.position.rope import Rope

N = 8


class Alone:
    """A model that is its position."""

    def __init__(self, head_width):
        self.position = Rope(head_width=head_width, base=10000.0)

    def replace(self, position):
        self.position = position
        return self


# pair 0 at k = 8 is compressed the more, the fewer pairs there are
@pytest.mark.parametrize("width, first", [(16, 0.771), (32, 0.878), (64, 0.937), (128, 0.968)])
def test_first_and_last_pair(width, first):
    theta = Rope(head_width=width, base=10000.0).theta
    ratio = extend(Alone(width), length=64, train_length=N, k=None).position.theta / theta
    assert abs(ratio[0] - first) < 5e-4
    assert abs(ratio[-1] - 1 / 8) < 1e-15


def test_every_digit_gets_the_same_factor(decoder):
    model = decoder()
    ratio = extend(model, length=32, train_length=N, k=2.5).position.theta / model.position.theta
    digits = torch.cat((torch.ones(1), ratio[:-1])) / ratio
    torch.testing.assert_close(digits, torch.full((3,), 2.5 ** (1 / 3), dtype=torch.float64))


@pytest.mark.parametrize("length, k", [(N, None), (3, None), (32, 1.0)])
def test_is_the_identity_within_the_training_length(decoder, tokens, length, k):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, k=k)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)
