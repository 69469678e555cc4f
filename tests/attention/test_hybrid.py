from functools import partial
from types import SimpleNamespace

import pytest
import torch

from kexue_pipe.attention.hybrid import Hybrid
from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.decoder import Decoder
from kexue_pipe.model.head.untied import Untied
from kexue_pipe.position.rope import Rope
from kexue_pipe.position_ids.ordinal import Ordinal

C, H, D, V, T, W = 8, 2, 4, 5, 17, 4
ROPE = Rope(head_width=D, base=100.0)


def _softmax(mask):
    layout = MultiHead(width=C, num_heads=H, head_width=D)
    return SoftmaxAttention(layout=layout, scale=RSqrt(), normaliser=Softmax(), mask=mask)


def _hybrid(depths=(1.0,), far_position=False):
    near, far = _softmax(Window(width=W)), _softmax(Causal())
    return Hybrid(near=near, far=far, depths=list(depths), far_position=far_position)


def _decoder(num_layers):
    knobs = {"width": C, "num_layers": num_layers, "feedforward_factor": 2}
    task = SimpleNamespace(vocabulary_size=V, train_length=T)
    parts = {"position": lambda: ROPE, "position_ids": Ordinal, "attention": _hybrid}
    parts["head"] = partial(Untied, width=C)
    model = Decoder(task=task, **parts, **knobs).double()
    initialise(model, 0)
    return model


@pytest.mark.parametrize(
    ("depths", "num_layers", "far"),
    [
        ([1.0], 2, {1}),
        ([1.0], 24, {23}),
        ([0.5], 24, {12}),
        ([0.34, 0.67], 6, {2, 4}),
        ([0.5], 1, {0}),
    ],
)
def test_layers_at_the_depths_see_everything(depths, num_layers, far):
    placed = [_hybrid(depths, True).place(layer, num_layers) for layer in range(num_layers)]
    assert {i for i, attention in enumerate(placed) if attention.mask.is_causal} == far


def test_far_has_no_position_and_near_has():
    x = torch.randn(1, T, C, generator=torch.Generator().manual_seed(0))
    pos = torch.arange(T)
    for layer, blind in ((0, False), (1, True)):
        attention = _hybrid().place(layer, 2)
        same = torch.equal(attention(x, pos, ROPE), attention(x, pos, Position()))
        assert same == blind


def test_parts_of_an_attention_without_position_are_read_and_replaced():
    attention = _hybrid().place(1, 2)
    twin = attention.replace(mask=Window(width=3))
    assert twin.mask.keys_kept == 3 and attention.mask.is_causal
    assert twin.layout is attention.layout and twin.state_elements() == 3 * 2 * H * D


@pytest.mark.parametrize("num_layers", [2, 4])
def test_windows_reach_back_as_far_as_the_post_says(num_layers):
    """The field of what the last layer reads is (w - 1)(L - 1) + 1 tokens."""
    model = _decoder(num_layers)
    x = torch.randn(1, T, C, dtype=torch.float64, requires_grad=True)
    read = x
    for block in model.layers[:-1]:
        read = block(read, torch.arange(T), ROPE)
    read[0, -1].sum().backward()
    seen = (x.grad[0] != 0).any(-1)
    assert int(seen.sum()) == min(T, (W - 1) * (num_layers - 1) + 1) and seen[-1]


def test_only_the_last_layer_keeps_all_keys():
    costs = _decoder(3).costs()
    assert costs["cache_elements_per_token"] == 2 * H * D
    assert costs["state_elements"] == 2 * W * 2 * H * D
