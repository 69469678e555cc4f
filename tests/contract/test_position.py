"""Every positional encoding, in a decoder: finite, causal, and alive in every number."""

import pytest
import torch

from kexue_pipe.core.contracts import Batch
from kexue_pipe.graph.options import options
from tests.contract.decoders import COMPOSED, draw_tokens, facts, read_yaml, small_decoder


def _numbers(name):
    keys = read_yaml(f"position/{name}").items()
    return [(name, k, v) for k, v in keys if k[0] != "_" and isinstance(v, int | float)]


@pytest.fixture
def build(compose_nodes):
    def make(name, *overrides):
        choices = ("size=smoke", f"position={name}", *overrides)
        if choices not in COMPOSED:
            COMPOSED[choices] = compose_nodes(list(choices))
        return small_decoder(COMPOSED[choices])

    return make


@pytest.fixture(params=options("position"))
def name(request):
    return request.param


@pytest.fixture
def model(build, name):
    return build(name)


def test_loss_is_finite_and_its_gradient_reaches_every_parameter(model):
    tokens = draw_tokens(model.train_length)
    model.loss(Batch(tokens, tokens.roll(-1, 1)), torch.Generator()).loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all() and (parameter.grad != 0).any(), parameter_name


def test_costs_are_counted(model):
    costs = model.costs()
    assert costs["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert costs["flops_per_token"] > 0


def test_gives_the_same_twice(build, name):
    tokens = draw_tokens(13)
    assert torch.equal(build(name)(tokens), build(name)(tokens))


def test_hooks_keep_shapes(model):
    position, pos = model.position, torch.arange(7.0)
    H, D = model.attentions[0].layout.num_heads, model.attentions[0].layout.head_width
    C = model.embedding.embedding_dim
    q, k = torch.randn(2, 3, H, 7, D)[:, :, :, :5], torch.randn(2, 3, H, 7, D)
    assert position.embed(torch.randn(3, 7, C), pos).shape == (3, 7, C)
    rotated = position.rotate(q[0], k[0], pos[:5], pos)
    assert [x.shape for x in rotated] == [q[0].shape, k[0].shape]
    for scores in (
        position.bias(q[0], pos[:5], pos),
        position.scores(q[0], k[0], pos[:5], pos),
    ):
        assert scores is None or scores.shape in {(1, H, 5, 7), (3, H, 5, 7)}


def test_a_block_of_queries_has_the_bias_and_rotation_of_the_whole(model):
    position, pos = model.position.double(), torch.arange(17, dtype=torch.float64)
    layout = model.attentions[0].layout
    x = torch.randn(2, 3, layout.num_heads, 17, layout.head_width).double()
    whole, block = (
        position.rotate(*x, pos, pos),
        position.rotate(x[0, :, :, 5:9], x[1], pos[5:9], pos),
    )
    torch.testing.assert_close(block[0], whole[0][:, :, 5:9], rtol=0, atol=1e-12)
    torch.testing.assert_close(block[1], whole[1], rtol=0, atol=1e-12)
    bias = position.bias(x[0], pos, pos)
    if bias is not None:
        part = position.bias(x[0, :, :, 5:9], pos[5:9], pos)
        torch.testing.assert_close(part, bias[:, :, 5:9], rtol=0, atol=1e-12)


def test_a_bias_of_the_keys_alone_differs_from_the_bias_by_a_constant_in_each_row(model):
    position, pos = model.position.double(), torch.arange(40, dtype=torch.float64)
    keys = position.key_bias(pos)
    if keys is not None:
        layout = model.attentions[0].layout
        q = torch.randn(1, layout.num_heads, 40, layout.head_width).double()
        difference = position.bias(q, pos, pos) - keys
        assert difference.std(dim=-1).max() < 1e-12
        assert keys.dtype == torch.float64 and keys.shape == (1, layout.num_heads, 1, 40)


def test_the_fused_path_equals_the_open_rows(model):
    model, tokens = model.double(), draw_tokens(37)
    pos = model.ids(tokens)
    (x, *_), attention = model.attention_inputs(tokens), model.attentions[0]
    blocks = attention.row_blocks(x, pos, model.position, torch.arange(37))
    mixed = torch.cat([block.weights @ block.values for block in blocks], dim=2)
    whole = attention(x, pos, model.position)
    torch.testing.assert_close(attention.merge(mixed), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("factor", [0, 16])
def test_one_token_and_a_length_far_beyond_training_are_finite(model, factor):
    with torch.no_grad():
        assert model(draw_tokens(max(1, factor * model.train_length))).isfinite().all()


def test_relative_encodings_do_not_see_a_shift_and_the_others_do(model, name):
    model, tokens = model.double(), draw_tokens(13)
    pos = torch.arange(13, dtype=torch.float64)
    moved = (model(tokens, pos) - model(tokens, pos + 1000)).abs().max()
    assert (moved < 1e-8) == ("relative" in facts(f"position/{name}", "_gives_"))


def test_rotation_has_frequencies_that_can_be_replaced(model, name):
    position = model.position
    gives = "rotation" in facts(f"position/{name}", "_gives_")
    assert gives == hasattr(position, "with_frequencies")
    if gives:
        changed = position.with_frequencies(position.theta / 2)
        tokens = draw_tokens(13)
        assert not torch.equal(model.replace(position=changed)(tokens), model(tokens))


@pytest.mark.parametrize("name, key, value", [n for p in options("position") for n in _numbers(p)])
def test_every_number_of_the_yaml_changes_the_output(build, name, key, value):
    changed = build(name, f"position.{key}={value * 2}").double()
    tokens = draw_tokens(13)
    assert (build(name).double()(tokens) - changed(tokens)).abs().max() > 1e-9
