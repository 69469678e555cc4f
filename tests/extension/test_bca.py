import pytest
import torch

from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.extension.bca import Blockwise, extend

N = 8


def test_visible_by_hand():
    index = torch.arange(7)
    visible = Blockwise(Causal(), 2).visible(index, index)
    first = [int(row.nonzero()[0]) for row in visible]
    assert first == [0, 0, 0, 0, 2, 2, 4] and not visible.triu(1).any()


@pytest.mark.parametrize("mask", [Causal(), Window(width=3)])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_reach_and_count_are_those_of_the_visible_keys(mask, width):
    mask, index = Blockwise(mask, width), torch.arange(17)
    visible = mask.visible(index, index)
    assert mask.count(index).tolist() == visible.sum(-1).tolist()
    assert visible.sum(-1).max() <= mask.keys_kept
    for first, last in ((0, 0), (1, 5), (6, 7), (9, 16)):
        seen = visible[first : last + 1].any(0).nonzero().flatten()
        reach = mask.reach(first, last)
        assert reach.start <= seen.min() and reach.stop == last + 1


def test_the_last_query_sees_its_own_block_and_the_one_before(decoder, tokens):
    """One layer, blocks of N/2 = 4: token 31 sees 24 ... 31."""
    model = extend(decoder(num_layers=1), length=32, train_length=N, width=None)
    changed = tokens.clone()
    changed[:, :24] = (tokens[:, :24] + 1) % 11
    torch.testing.assert_close(model(changed, last=1), model(tokens, last=1), rtol=0, atol=1e-12)
    changed[:, 24] = (tokens[:, 24] + 1) % 11
    assert (model(changed, last=1) - model(tokens, last=1)).abs().max() > 1e-9


def test_gives_the_model_back_where_two_blocks_are_everything(decoder):
    model = decoder()
    assert extend(model, length=N, train_length=N, width=None) is model
    assert extend(model, length=32, train_length=N, width=16) is model
