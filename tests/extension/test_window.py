import pytest
import torch

from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.extension.truncate import extend as truncate
from kexue_pipe.extension.window import Narrowed, extend

N = 8
SAME = {"rtol": 0, "atol": 1e-12}


@pytest.mark.parametrize("width", [None, 5])
def test_equals_a_model_with_that_mask(decoder, tokens, width):
    extended = extend(decoder(), length=32, train_length=N, width=width)
    expected = decoder(mask=Window(width=width or N))
    torch.testing.assert_close(extended(tokens), expected(tokens), **SAME)


def test_equals_truncation_at_the_last_token_of_one_layer(decoder, tokens):
    model = decoder(num_layers=1)
    window = extend(model, length=32, train_length=N, width=None)
    cut = truncate(model, length=32, train_length=N)
    torch.testing.assert_close(window(tokens, last=1), cut(tokens, last=1), **SAME)


def test_two_layers_reach_further_than_truncation(decoder, tokens):
    window = extend(decoder(), length=32, train_length=N, width=None)
    changed, reach = tokens.clone(), 2 * (N - 1) + 1
    changed[:, : -reach + 1] = (tokens[:, : -reach + 1] + 1) % 11  # the last one in reach changes
    assert (window(changed, last=1) - window(tokens, last=1)).abs().max() > 1e-9
    changed[:, -reach] = tokens[:, -reach]
    torch.testing.assert_close(window(changed, last=1), window(tokens, last=1), **SAME)


def test_a_shorter_trained_window_stays(decoder, tokens):
    model = decoder(mask=Window(width=3))
    extended = extend(model, length=32, train_length=N, width=None)
    torch.testing.assert_close(extended(tokens), model(tokens), **SAME)


def test_gives_the_model_back_where_the_window_shows_everything(decoder):
    model = decoder()
    assert extend(model, length=N, train_length=N, width=None) is model
    assert extend(model, length=7, train_length=5, width=7) is model


def test_counts_and_reach_are_those_of_the_visible_keys():
    index = torch.arange(13)
    for mask in (Narrowed(Causal(), 4), Narrowed(Window(width=3), 4), Narrowed(Causal(), 1)):
        visible = mask.visible(index, index)
        assert mask.count(index).tolist() == visible.sum(-1).tolist()
        seen = visible[5:8].any(0).nonzero().flatten()
        reach = mask.reach(5, 7)
        assert reach.start <= seen.min() and reach.stop == seen.max() + 1
        assert mask.keys_kept == visible.sum(-1).max()
    assert Narrowed(Causal(), 4).reach(0, 2) == slice(0, 3)
