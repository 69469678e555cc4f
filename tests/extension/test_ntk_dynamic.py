import pytest
import torch

from kexue_pipe.extension.ntk import extend as ntk
from kexue_pipe.extension.ntk_dynamic import extend

N = 8


@pytest.mark.parametrize("factor, k", [(2.0, 7.0), (1.0, 4.0), (1.5, 5.5)])
def test_equals_the_larger_base(decoder, tokens, factor, k):
    """32 tokens are four training lengths: k = 4 f - (f - 1); base 100 becomes 100 k^(6/4)."""
    extended = extend(decoder(), length=32, train_length=N, factor=factor)
    rebased = decoder(base=100.0 * k**1.5)
    torch.testing.assert_close(extended(tokens), rebased(tokens), rtol=0, atol=1e-12)


def test_with_factor_one_it_is_ntk(decoder):
    knobs = {"length": 29, "train_length": N}
    dynamic, static = extend(decoder(), **knobs, factor=1.0), ntk(decoder(), **knobs, k=None)
    torch.testing.assert_close(dynamic.position.theta, static.position.theta)


@pytest.mark.parametrize("length", [N, 3, 1])
def test_is_the_identity_within_the_training_length(decoder, tokens, length):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, factor=2.0)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)
