import pytest
import torch

from kexue_pipe.extension.pi import extend

N = 8


def test_equals_divided_positions(decoder, tokens):
    model, pos = decoder(), torch.arange(32, dtype=torch.float64)
    for k, factor in ((None, 4), (2.5, 2.5)):
        extended = extend(model, length=32, train_length=N, k=k)
        torch.testing.assert_close(extended(tokens), model(tokens, pos / factor), rtol=0, atol=1e-9)


def test_last_position_lands_inside_the_trained_range(decoder):
    theta = decoder().position.theta
    extended = extend(decoder(), length=32, train_length=N, k=None).position.theta
    assert (31 * extended < N * theta).all()


@pytest.mark.parametrize("length, k", [(N, None), (3, None), (32, 1.0)])
def test_is_the_identity_within_the_training_length(decoder, tokens, length, k):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, k=k)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_angles_equal_those_of_x_transformers(decoder):
    from x_transformers.x_transformers import RotaryEmbedding

    theirs = RotaryEmbedding(6, base=100, interpolation_factor=4.0)(torch.arange(32))[0]
    theta = extend(decoder(), length=32, train_length=N, k=None).position.theta
    ours = torch.arange(32)[:, None] * theta
    torch.testing.assert_close(theirs[0, :, 0::2].double(), ours, rtol=1e-6, atol=1e-6)
