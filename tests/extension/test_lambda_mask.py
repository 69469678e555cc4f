import pytest
import torch

from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.extension.lambda_mask import Lambda, extend
from kexue_pipe.extension.window import extend as narrow
from tests.extension.reference import general_scores

N = 8
KNOBS = {"length": 32, "train_length": N, "width": None}


def test_visible_by_hand():
    index = torch.arange(7)
    visible = Lambda(Causal(), width=4, num_sinks=1).visible(index, index)
    assert visible[6].nonzero().flatten().tolist() == [0, 4, 5, 6]
    assert visible[3].nonzero().flatten().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("mask", [Causal(), Window(width=3)])
@pytest.mark.parametrize("width, num_sinks", [(4, 1), (6, 5), (4, 0)])
def test_reach_and_count_are_those_of_the_visible_keys(mask, width, num_sinks):
    mask, index = Lambda(mask, width, num_sinks), torch.arange(17)
    visible = mask.visible(index, index)
    assert mask.count(index).tolist() == visible.sum(-1).tolist()
    assert visible.sum(-1).max() <= mask.keys_kept
    for first, last in ((0, 0), (1, 5), (6, 7), (9, 16)):
        seen = set(visible[first : last + 1].any(0).nonzero().flatten().tolist())
        reach = index[mask.reach(first, last)].tolist()
        assert seen <= set(reach) and reach == sorted(set(reach)) and reach[-1] == last
        assert len(reach) <= num_sinks + width + last - first


@pytest.mark.parametrize("sinks", ["original", "clamp", "cache"])
def test_scores_and_rows_equal_those_of_the_distances(decoder, tokens, sinks):
    """One layer against a softmax over all pairs, in float64."""
    model = decoder(num_layers=1)
    theta, attention = model.position.theta, model.attentions[0]
    extended = extend(model, **KNOBS, num_sinks=2, sinks=sinks)
    pos = torch.arange(32, dtype=torch.float64)
    i, j = pos[:, None], pos
    distance = {
        "original": i - j,
        "clamp": (i - j).clamp(max=7),
        "cache": torch.where(j < 2, i.clamp(max=7) - j, i - j),
    }[sinks]
    x = extended.attention_inputs(tokens)[0]
    q, k, v = attention.layout.project(x)
    scores = general_scores(q * 6**-0.5, k, distance, theta)
    visible = (j <= i) & ((j < 2) | (i - j < 6))
    weights = scores.masked_fill(~visible, -torch.inf).softmax(-1)
    mixed = extended.attentions[0](x, pos, extended.position)
    expected = attention.merge(weights @ v)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)


def test_without_sinks_it_is_a_window(decoder, tokens):
    window = narrow(decoder(), **KNOBS)
    for sinks in ("original", "clamp", "cache"):
        extended = extend(decoder(), **KNOBS, num_sinks=0, sinks=sinks)
        torch.testing.assert_close(extended(tokens), window(tokens), rtol=0, atol=1e-12)


def test_gives_the_model_back_where_the_window_shows_everything(decoder):
    model, knobs = decoder(), {"num_sinks": 4, "sinks": "clamp"}
    assert extend(model, length=N, train_length=N, width=None, **knobs) is model
    assert extend(model, length=32, train_length=N, width=32, **knobs) is model


def test_sinks_without_a_window_are_refused(decoder):
    with pytest.raises(ValueError, match="num_sinks=8 leaves no window of 8"):
        extend(decoder(), **KNOBS, num_sinks=8, sinks="clamp")
