import pytest
import torch

from kexue_pipe.extension.ntk_old import extend

N = 8


@pytest.mark.parametrize("k, factor", [(None, 4.0), (2.5, 2.5)])
def test_equals_the_larger_base(decoder, tokens, k, factor):
    extended = extend(decoder(), length=32, train_length=N, k=k)
    rebased = decoder(base=100.0 * factor)
    torch.testing.assert_close(extended(tokens), rebased(tokens), rtol=0, atol=1e-12)


def test_last_pair_is_not_quite_interpolated(decoder):
    model = decoder()
    ratio = extend(model, length=32, train_length=N, k=None).position.theta / model.position.theta
    assert ratio[0] == 1
    torch.testing.assert_close(ratio[-1], torch.tensor(4.0 ** -(4 / 6)).double())


@pytest.mark.parametrize("length, k", [(N, None), (3, None), (32, 1.0)])
def test_is_the_identity_within_the_training_length(decoder, tokens, length, k):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, k=k)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)
