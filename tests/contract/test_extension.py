"""Every context extension, on every checkpoint that it takes: pure, causal, no new parameter."""

import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.graph.errors import Misfit
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.options import options
from kexue_pipe.graph.plans import component
from tests.contract.decoders import COMPOSED, V, draw_tokens, read_yaml, small_decoder


def _extensions(attention, position):
    """The extensions that the composer leaves to a checkpoint."""
    try:
        choices = ["size=smoke", f"attention={attention}", f"position={position}"]
        return variant(choices).nodes["extension"]
    except Misfit:  # this attention and this position do not go together
        return ()


# an attention of each family with the default position, every position with the default attention
FAMILIES = ("linear", "logn", "softmax", "window")
PAIRS = {(a, "rope") for a in FAMILIES} | {("softmax", p) for p in options("position")}
PAIRS |= {("mla", "rope_partial")}  # no other rotation goes with it
TRIPLES = [(e, *pair) for pair in sorted(PAIRS) for e in _extensions(*pair)]


def _knobs(name):
    """The keys of an extension that a person sets, each with another value than the default."""
    raw = read_yaml(f"extension/{name}")
    for key, value in raw.items():
        # a key that allows something does nothing else
        if key[0] == "_" or key.startswith("allow") or str(value).startswith("${"):
            continue
        if isinstance(value, str):
            yield name, key, next(word for word in raw["_allowed_"][key] if word != value)
        elif isinstance(value, bool):
            yield name, key, str(not value).lower()
        else:
            yield name, key, 24 if value is None else value * 2


@pytest.fixture
def compose(compose_nodes):
    """Compose a decoder and one of its extensions, as a function of model and length."""

    def make(extension, attention="softmax", position="rope", *overrides):
        choices = (f"attention={attention}", f"position={position}", *overrides)
        choices = ("size=smoke", f"extension=[{extension}]", *choices)
        if choices not in COMPOSED:
            COMPOSED[choices] = compose_nodes(list(choices))
        nodes = COMPOSED[choices]
        return small_decoder(nodes).eval(), instantiate(component(nodes["extension"][extension]))

    return make


@pytest.fixture(params=TRIPLES, ids="-".join)
def triple(request):
    return request.param


@pytest.fixture
def pair(triple, compose):
    return compose(*triple)


def test_each_extension_has_a_checkpoint_that_it_takes():
    assert {extension for extension, *_ in TRIPLES} == set(options("extension"))


def test_is_the_identity_up_to_the_training_length(pair, triple):
    (model, extend), (name, *_) = pair, triple
    whole = "window" not in read_yaml(f"extension/{name}")  # in training lengths: half of one
    for length in (model.train_length,) * whole + (model.train_length // 2,):
        extended, tokens = extend(model, length=length), draw_tokens(length)
        torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=1e-6)


def test_shares_all_parameters_and_leaves_the_model_alone(pair):
    model, extend = pair
    tokens = draw_tokens(2 * model.train_length)
    before = model(tokens)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    extended = extend(model, length=tokens.shape[1])
    extended(tokens)
    memory = [{p.data_ptr() for p in m.parameters()} for m in (model, extended)]
    assert memory[0] == memory[1]
    assert all(torch.equal(model.state_dict()[name], state[name]) for name in state)
    assert torch.equal(model(tokens), before)


def test_future_tokens_do_not_change_the_past(pair):
    model, extend = pair
    length = 2 * model.train_length
    tokens = draw_tokens(length)
    changed = tokens.clone()
    changed[:, -5:] = (tokens[:, -5:] + 1) % V
    extended = extend(model.double(), length=length)
    logits, other = extended(tokens), extended(changed)
    assert (logits - other)[:, :-5].abs().max() < 1e-12
    assert ((logits - other)[:, -5:].abs().amax((0, 2)) > 0).all()


def test_the_end_of_a_long_context_is_finite(pair):
    model, extend = pair
    length, last = 16 * model.train_length, model.train_length // 2
    with torch.no_grad():
        logits = extend(model, length=length)(draw_tokens(length), last=last)
    assert logits.shape == (2, last, V) and logits.isfinite().all()


def test_one_token_works(pair):
    model, extend = pair
    assert extend(model, length=1)(draw_tokens(1)).isfinite().all()


def test_has_rows_for_the_metrics_in_every_layer_or_none(pair):
    model, extend = pair
    length = 2 * model.train_length
    extended = extend(model.double(), length=length)
    pos = extended.ids(draw_tokens(length))
    inputs = extended.attention_inputs(draw_tokens(length), pos)
    for attention, x in zip(extended.attentions, inputs, strict=True):
        whole = attention(x, pos, extended.position)
        blocks = attention.row_blocks(x, pos, extended.position, torch.arange(length))
        mixed = torch.cat([block.weights @ block.values for block in blocks], dim=2)
        torch.testing.assert_close(attention.merge(mixed), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name, key, value", [k for e in options("extension") for k in _knobs(e)])
def test_every_knob_changes_the_output(compose, name, key, value):
    model, extend = compose(name)
    _, changed = compose(name, "softmax", "rope", f"extension.{name}.{key}={value}")
    length = 2 * model.train_length
    outputs = [e(model.double(), length=length)(draw_tokens(length)) for e in (extend, changed)]
    assert (outputs[0] - outputs[1]).abs().max() > 1e-9
