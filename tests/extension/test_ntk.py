import pytest
import torch

from kexue_pipe.extension.ntk import extend
from kexue_pipe.extension.pi import extend as interpolate

N = 8


def test_equals_the_larger_base(decoder, tokens):
    """D = 6: base 100 becomes 100 k^(6/4)."""
    for k, factor in ((None, 4.0), (2.5, 2.5)):
        extended = extend(decoder(), length=32, train_length=N, k=k)
        rebased = decoder(base=100.0 * factor**1.5)
        torch.testing.assert_close(extended(tokens), rebased(tokens), rtol=0, atol=1e-12)


def test_first_pair_stays_and_last_pair_is_interpolated(decoder):
    model = decoder()
    theta = model.position.theta
    scaled = extend(model, length=32, train_length=N, k=None).position.theta
    interpolated = interpolate(model, length=32, train_length=N, k=None).position.theta
    assert scaled[0] == theta[0]
    assert scaled[-1] == theta[-1] / 4 == interpolated[-1]
    assert (scaled[1:-1] > interpolated[1:-1]).all() and (scaled[1:-1] < theta[1:-1]).all()


@pytest.mark.parametrize("length, k", [(N, None), (3, None), (32, 1.0)])
def test_is_the_identity_within_the_training_length(decoder, tokens, length, k):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, k=k)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_frequencies_equal_those_of_x_transformers(decoder):
    from x_transformers.x_transformers import RotaryEmbedding

    theirs = RotaryEmbedding(6, base=100, base_rescale_factor=4.0).inv_freq
    theta = extend(decoder(), length=32, train_length=N, k=None).position.theta
    torch.testing.assert_close(theirs.double(), theta, rtol=1e-6, atol=0)
