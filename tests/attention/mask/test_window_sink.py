import pytest
import torch

from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.attention.mask.window_sink import WindowSink
from kexue_pipe.core.attention_parts import Mask


def test_a_token_sees_the_window_and_the_sinks():
    visible = WindowSink(width=3, num_sinks=2).visible(torch.tensor([0, 1, 3, 7]), torch.arange(9))
    seen = [row.nonzero().flatten().tolist() for row in visible]
    assert seen == [[0], [0, 1], [0, 1, 2, 3], [0, 1, 5, 6, 7]]


def test_no_sinks_is_a_window_and_as_many_as_tokens_is_causal():
    index = torch.arange(11)
    for mask, other in (
        (WindowSink(width=4, num_sinks=0), Window(width=4)),
        (WindowSink(width=1, num_sinks=11), Causal()),
        (WindowSink(width=7, num_sinks=4), Causal()),
    ):
        assert torch.equal(mask.visible(index, index), other.visible(index, index))
        assert torch.equal(mask.count(index), other.count(index))


@pytest.mark.parametrize("first, last", [(0, 0), (1, 4), (5, 6), (7, 9), (12, 12)])
def test_reach_holds_every_visible_key_in_order_and_nothing_else_of_use(first, last):
    mask, index = WindowSink(width=4, num_sinks=2), torch.arange(13)
    visible = mask.visible(index[first : last + 1], index)
    assert torch.equal(index[mask.reach(first, last)], visible.any(0).nonzero().flatten())


def test_counts_are_those_of_the_visible_keys():
    mask, index = WindowSink(width=4, num_sinks=2), torch.arange(13)
    visible = mask.visible(index, index).sum(-1)
    assert mask.count(index).tolist() == visible.tolist()
    assert Mask.count(mask, index).tolist() == visible.tolist()  # the slow way of all masks
    assert visible.max() == mask.keys_kept == 6


def test_a_width_of_zero_is_refused():
    with pytest.raises(ValueError, match="width = 0"):
        WindowSink(width=0, num_sinks=4)
