"""Every head on a decoder whose layers add nothing: what a token predicts at the start."""

from functools import partial
from math import exp, log
from types import SimpleNamespace

import pytest
import torch

from kexue_pipe.core.contracts import Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.decoder import Decoder
from kexue_pipe.model.head.tied import Tied
from kexue_pipe.model.head.tied_proj import TiedProjection
from kexue_pipe.model.head.tied_swap import TiedSwap
from kexue_pipe.model.head.untied import Untied
from kexue_pipe.position_ids.ordinal import Ordinal

C, V = 64, 512
HEADS = {
    "untied": partial(Untied, width=C),
    "tied": partial(Tied, width=C, start="width"),
    "small": partial(Tied, width=C, start="vocabulary"),
    "proj": partial(TiedProjection, width=C),
    "swap": partial(TiedSwap, width=C),
}


def _model(name):
    model = Decoder(
        task=SimpleNamespace(vocabulary_size=V, train_length=8),
        position=Position,
        position_ids=Ordinal,
        attention=SimpleNamespace,
        head=HEADS[name],
        width=C,
        num_layers=0,
        feedforward_factor=1,
    )
    initialise(model, 0)
    return model


def _first_loss(model):
    x = model.norm(model.embedding.weight[None])  # one of each token
    labels = torch.randint(V, (V,), generator=torch.Generator().manual_seed(1))
    logits = model.head(x, model.embedding.weight)[0]
    return float(torch.nn.functional.cross_entropy(logits, labels).detach())


@pytest.mark.parametrize("name", ["tied", "small"])
def test_a_tied_head_starts_at_the_loss_of_the_post(name):
    """P16."""
    model = _model(name)
    std = model.head.embedding_std
    assert std <= C**-0.5 and abs(model.embedding.weight.std() / std - 1) < 0.02
    expected = log(exp(C * std) + V * exp(C * std**2 / 2))
    assert abs(_first_loss(model) - expected) < 0.2


@pytest.mark.parametrize(("name", "loss"), [("proj", 6.73), ("swap", 6.67), ("untied", log(V))])
def test_its_remedies_start_near_the_uniform_loss(name, loss):
    assert abs(_first_loss(_model(name)) - loss) < 0.1


def test_a_projection_is_orthogonal_and_swapped_halves_come_back():
    model = _model("proj")
    square = model.head.projection @ model.head.projection.T
    torch.testing.assert_close(square, torch.eye(C), rtol=0, atol=1e-5)
    x, embedding = torch.randn(1, 3, C), torch.eye(C)
    swap = _model("swap").head
    assert torch.equal(swap(swap(x, embedding), embedding), x)
    assert torch.equal(swap(x, embedding)[..., : C // 2], x[..., C // 2 :])


@pytest.mark.parametrize("name", HEADS)
def test_parameters_count_a_tied_matrix_once(name):
    extra = {"untied": V * C, "proj": C * C}.get(name, 0)
    assert sum(p.numel() for p in _model(name).parameters()) == V * C + C + extra
