import pytest
import torch

from kexue_pipe.extension.ntk_fixed import extend as fixed
from kexue_pipe.extension.ntk_mixed import extend
from kexue_pipe.extension.pi import extend as interpolate

N = 8
KNOBS = {"length": 32, "train_length": N, "k": None}


def _ratio(model, beta, k=None):
    extended = extend(model, **KNOBS | {"k": k}, beta=beta)
    return extended.position.theta / model.position.theta


def test_limits_are_ntk_fixed_and_interpolation(decoder, tokens):
    for beta, limit in ((1.0, fixed), (0.0, interpolate)):
        model, expected = extend(decoder(), **KNOBS, beta=beta), limit(decoder(), **KNOBS)
        torch.testing.assert_close(model(tokens), expected(tokens), rtol=0, atol=1e-12)


def test_by_hand(decoder):
    """a = ln 4 / 3^0.5, so pair m is divided by 4^sqrt((m+1)/3)."""
    expected = torch.tensor([0.449159, 0.322418, 0.25], dtype=torch.float64)
    torch.testing.assert_close(_ratio(decoder(), 0.5), expected, rtol=0, atol=1e-6)


def test_factors_of_the_digits_fall_to_one_or_more_and_multiply_to_k(decoder):
    for k in (2.5, 8.0):
        ratio = _ratio(decoder(), 0.625, k)
        digits = torch.cat((torch.ones(1), ratio[:-1])) / ratio
        assert (digits >= 1).all() and (digits.diff() <= 0).all()
        assert abs(digits.prod() - k) < 1e-12


@pytest.mark.parametrize("length, k", [(N, None), (3, None), (32, 1.0)])
def test_is_the_identity_within_the_training_length(decoder, tokens, length, k):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, k=k, beta=0.625)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)
