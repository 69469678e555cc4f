import pytest
import torch

from kexue_pipe.extension.rerope import extend_grouped
from tests.extension.reference import check_scores

N = 8
KNOBS = {"length": 29, "train_length": N}


@pytest.mark.parametrize("window, group, w, G", [(0.5, None, 4, 8), (0.5, 3, 4, 3), (0.4, 2, 3, 2)])
def test_neighbours_share_a_position_beyond_the_window(decoder, window, group, w, G):
    """29 tokens are 3.6 training lengths: 7.25 neighbours, rounded up."""
    model = extend_grouped(decoder(), **KNOBS, window=window, group=group)

    def relative(i, j):
        return torch.where(i - j < w, i - j, i // G - j // G + w - w // G)

    check_scores(model.position, relative, decoder().position.theta, 29)


@pytest.mark.parametrize("window, group", [(4.0, None), (0.5, 1)])
def test_an_infinite_window_or_groups_of_one_are_the_identity(decoder, tokens, window, group):
    model = decoder()
    extended = extend_grouped(model, **KNOBS, window=window, group=group)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=1e-12)


def test_the_farthest_distance_is_trained_by_default(decoder):
    for length in (9, 32, 128, 4096):
        model = extend_grouped(decoder(), length=length, train_length=N, window=0.5, group=None)
        q, k = model.position.far(torch.tensor([length - 1.0]), torch.zeros(1))
        assert q - k <= N
