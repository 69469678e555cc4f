import pytest
import torch

from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window


def test_a_token_sees_itself_and_w_minus_one_tokens_before():
    visible = Window(width=3).visible(torch.tensor([0, 1, 5]), torch.arange(7))
    assert [row.nonzero().flatten().tolist() for row in visible] == [[0], [0, 1], [3, 4, 5]]


def test_a_window_as_long_as_the_sequence_is_causal():
    index = torch.arange(11)
    causal = Causal().visible(index, index)
    assert (Window(width=11).visible(index, index) == causal).all()
    assert (Window(width=10).visible(index, index) != causal).sum() == 1


@pytest.mark.parametrize("first, last", [(0, 0), (1, 4), (7, 9)])
def test_reach_holds_every_visible_key(first, last):
    window, index = Window(width=4), torch.arange(13)
    visible = window.visible(index[first : last + 1], index)
    seen = visible.any(0).nonzero().flatten()
    reach = window.reach(first, last)
    assert (reach.start, reach.stop - 1) == (seen.min(), seen.max())


def test_counts_are_those_of_the_visible_keys():
    window, index = Window(width=4), torch.arange(13)
    visible = window.visible(index, index).sum(-1)
    assert window.count(index).tolist() == visible.tolist()
    # and by the slow way that masks have by default
    assert super(Window, window).count(index).tolist() == visible.tolist()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_receptive_field_of_a_stack_by_gradient(layers):
    """L layers of window w see L (w - 1) + 1 tokens."""
    index = torch.arange(23)
    mix = Window(width=4).visible(index, index).double()
    x = torch.zeros(23, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(layers):
        y = mix @ y
    y[-1].backward()
    assert (x.grad != 0).sum() == layers * 3 + 1


def test_a_width_of_zero_is_refused():
    with pytest.raises(ValueError, match="width = 0"):
        Window(width=0)
