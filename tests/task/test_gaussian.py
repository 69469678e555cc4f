"""Pictures of independent Gaussian numbers, and the bound that they are made for."""

import pytest
import torch

from kexue_pipe.task.gaussian import Gaussian


def build(length=16, p=2, sigma=0.5):
    return Gaussian(train_length=length, token_size=p, sigma=sigma)


def test_numbers_have_their_moments_and_no_neighbour_tells_of_another():
    x = build().batch("train", 0, 0, 4000).inputs
    assert x.shape == (4000, 1, 8, 8) and x.dtype == torch.float32
    assert x.mean().abs() < 0.005 and x.std().item() == pytest.approx(0.5, rel=0.01)
    assert (x[..., 1:] * x[..., :-1]).mean().abs() < 0.002


def test_sample_i_does_not_depend_on_the_batch():
    small, large = build().batch("train", 3, 5, 2).inputs, build().batch("train", 3, 1, 8).inputs
    assert torch.equal(small, large[2:4])
    assert not torch.equal(small, build().batch("validation", 3, 5, 2).inputs)


def test_test_pictures_are_the_same_for_all_seeds():
    ((name, x),) = build().images("test").items()
    assert name == "gaussian" and torch.equal(x, build().images("test")[name])


def test_scalar_quantisation_at_one_bit_stays_above_the_bound():
    # the best quantizer of one number in two levels, at +- sigma sqrt(2 / pi)
    x = build().batch("test", 0, 0, 2000).inputs
    error = (x - x.sign() * 0.5 * (2 / torch.pi) ** 0.5).square().mean().item()
    assert error == pytest.approx(0.25 * (1 - 2 / torch.pi), rel=0.02)
    assert error > 0.25 * 2**-2


def test_what_is_no_square_is_named():
    with pytest.raises(ValueError, match="train_length=15"):
        build(15)
    with pytest.raises(ValueError, match="camera"):
        build().whole_image("camera")
