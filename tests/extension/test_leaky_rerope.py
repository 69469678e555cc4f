import pytest
import torch

from kexue_pipe.extension.rerope import extend_leaky
from tests.extension.reference import check_scores

N = 8
SAME = {"rtol": 0, "atol": 1e-12}
KNOBS = {"length": 32, "train_length": N, "allow_beyond": False}


@pytest.mark.parametrize("k, step", [(None, 8.0), (24.0, 24.0)])
def test_far_distances_grow_slower(decoder, k, step):
    model = extend_leaky(decoder(), **KNOBS, window=0.5, k=k)

    def relative(i, j):
        return torch.where(i - j < 4, i - j, 4 + (i - j - 4) / step)

    check_scores(model.position, relative, decoder().position.theta, 29)


@pytest.mark.parametrize("window, k", [(4.0, None), (4.0, 3.0), (0.5, 1.0)])
def test_an_infinite_window_or_a_factor_of_one_is_the_identity(decoder, tokens, window, k):
    model = decoder()
    extended = extend_leaky(model, **KNOBS | {"allow_beyond": True}, window=window, k=k)
    torch.testing.assert_close(extended(tokens), model(tokens), **SAME)


def test_the_farthest_distance_is_trained_by_default(decoder):
    for length in (32, 128, 4096):
        model = extend_leaky(decoder(), **KNOBS | {"length": length}, window=0.5, k=None)
        q, k = model.position.far(torch.tensor([length - 1.0]), torch.zeros(1))
        assert 4 < q - k < N


def test_a_factor_that_leads_beyond_training_must_be_asked_for(decoder):
    with pytest.raises(ValueError, match="allow_beyond=true"):
        extend_leaky(decoder(), **KNOBS, window=0.5, k=3.0)
    extend_leaky(decoder(), **KNOBS | {"allow_beyond": True}, window=0.5, k=3.0)
    extend_leaky(decoder(), **KNOBS, window=0.5, k=6.75)  # 4 + 27 / 6.75 = 8
