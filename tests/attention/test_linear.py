"""Every legal composition of the parts of linear attention, against the recurrence itself."""

import copy
from itertools import product

import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.attention.decay.fixed import FixedDecay
from kexue_pipe.attention.decay.none import NoDecay
from kexue_pipe.attention.feature.elu1 import Elu1
from kexue_pipe.attention.feature.exp import Exp
from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.linear import LinearAttention
from kexue_pipe.attention.readout.denominator import Denominator
from kexue_pipe.attention.update.hebbian import Hebbian
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.graph.check import check_fit
from kexue_pipe.graph.compose import apply, base, resolve
from kexue_pipe.graph.errors import Misfit
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.options import options
from kexue_pipe.graph.plans import component
from kexue_pipe.graph.request import parse
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.rope import Rope
from kexue_pipe.position.xpos import Xpos

B, T = 2, 70  # more than one chunk
GROUPS = ("feature", "decay", "update", "readout")
EVERY = list(product(*(options(f"attention/{group}") for group in GROUPS)))


def compose(*choices):
    request = parse(["task=text", "size=smoke", "attention=linear", *choices])
    return resolve(apply(request)), base(request.choices).chosen


def nodes_of_parts():
    """The node of every part, by group and option."""
    for group in GROUPS:
        for option in options(f"attention/{group}"):
            nodes, _ = compose(f"attention/{group}={option}")
            yield (group, option), nodes["attention"][group]


NODES, (START, CHOSEN) = dict(nodes_of_parts()), compose()


def compositions():
    """Every combination of parts that is not refused, by its options."""
    for parts in EVERY:
        own = {key[0]: NODES[key] for key in zip(GROUPS, parts, strict=True)}
        attention = START["attention"] | own
        try:
            check_fit(copy.deepcopy(START) | {"attention": attention}, CHOSEN, set())
        except Misfit:
            continue
        yield parts, attention


LEGAL = dict(compositions())


@pytest.fixture(params=LEGAL, ids=lambda parts: "-".join(parts))
def attention(request):
    mixer = instantiate(component(LEGAL[request.param]))
    initialise(mixer, 0)
    return mixer.double()


def build(feature, decay, width=7, num_heads=3, head_width=6):
    layout = MultiHead(width=width, num_heads=num_heads, head_width=head_width)
    parts = {"update": Hebbian(), "readout": Denominator()}
    mixer = LinearAttention(layout=layout, feature=feature, decay=decay, **parts)
    initialise(mixer, 0)
    return mixer.double()


def rope(attention):
    return Rope(head_width=attention.layout.head_width, base=100.0)


def draw(attention, length=T):
    width = attention.layout.out.out_features
    generator = torch.Generator().manual_seed(1)
    return torch.randn(B, length, width, generator=generator, dtype=torch.float64)


def recurrent(attention, x, position):
    """The definition, one token after the other."""
    pos = torch.arange(float(x.shape[1]))
    q, k, v = attention.layout.project(x)
    before = attention.feature.turns_input
    q, k = position.rotate(q, k, pos, pos) if before else (q, k)
    plain_q, plain_k = attention.update.prepare(*attention.feature(q, k))
    turned = (plain_q, plain_k) if before else position.rotate(plain_q, plain_k, pos, pos)
    decay, beta = attention.decay(x), attention.update.strength(x)
    step = attention.decay.step_size(x)
    v = v if step is None else v * step
    state, total, mixed = 0, 0, []
    for i in range(x.shape[1]):
        fade = 1.0 if decay is None else decay[:, :, i, :, None].exp()
        q, k = turned[0][:, :, i, :, None], turned[1][:, :, i, :, None]  # (B, H, F, 1)
        state, total = state * fade, total * fade + plain_k[:, :, i, :, None]
        new = v[:, :, i, None, :]
        if beta is not None:
            new = beta[:, :, i, None] * (new - (state * k).sum(2, keepdim=True))
        state = state + k * new
        out = (q * state).sum(2)
        if attention.readout.divides:
            out = out / (plain_q[:, :, i, :, None] * total).sum(2)
        mixed.append(out)
    return attention.merge(torch.stack(mixed, dim=2))


def test_forward_is_the_recurrence(attention):
    x, position = draw(attention), rope(attention)
    mixed = attention(x, torch.arange(float(T)), position)
    torch.testing.assert_close(mixed, recurrent(attention, x, position), rtol=1e-12, atol=1e-12)


def test_steps_are_the_recurrence(attention):
    x, position, state, rows = draw(attention, 9), rope(attention), attention.init_state(B), []
    for t in range(9):
        row, state = attention.step(x[:, t, None], torch.arange(t + 1.0), position, state)
        rows.append(row)
    expected = recurrent(attention, x, position)
    torch.testing.assert_close(torch.cat(rows, 1), expected, rtol=1e-12, atol=1e-12)
    assert sum(part[0].numel() for part in state) == attention.state_elements()
    assert attention.cache_elements_per_token() == 0


def test_rows_times_values_are_forward(attention):
    x, pos, position = draw(attention), torch.arange(float(T)), rope(attention)
    queries = torch.tensor([0, 3, 64, T - 1])
    (block,) = attention.row_blocks(x, pos, position, queries)
    mixed = attention.merge(block.weights @ block.values)
    expected = attention(x, pos, position)[:, queries]
    torch.testing.assert_close(mixed, expected, rtol=1e-12, atol=1e-12)
    (plain,) = attention.row_blocks(x, pos, Position(), queries)
    assert plain.row_stochastic == attention.readout.divides
    if plain.row_stochastic:
        assert (plain.weights >= 0).all() and (plain.weights.sum(-1) - 1).abs().max() < 1e-12


def test_the_future_does_not_change_the_past(attention):
    x, pos, position = draw(attention), torch.arange(float(T)), rope(attention)
    changed = torch.cat((x[:, :40], -x[:, 40:]), dim=1)
    difference = (attention(x, pos, position) - attention(changed, pos, position)).abs()
    assert difference[:, :40].max() <= 1e-12 and (difference[:, 40:].amax((0, 2)) > 0).all()


def test_large_inputs_and_long_sequences_stay_finite_in_float32(attention):
    attention = attention.float()
    x = draw(attention, 512).float() * torch.logspace(-3, 1, 512)[:, None]
    x.requires_grad_()
    mixed = attention(x, torch.arange(512.0), rope(attention))
    mixed.sum().backward()
    assert mixed.isfinite().all() and x.grad.isfinite().all()


def test_compositions_without_meaning_are_refused():
    refused = set(EVERY) - set(LEGAL)
    signed = {p for p in EVERY if p[0] == "identity" and p[3] == "denominator"}
    corrected = {p for p in EVERY if p[2] == "delta" and p[3] == "denominator"}
    wide = {p for p in EVERY if p[0] in ("favor", "taylor2") and p[1] == "vector_gate"}
    assert refused == signed | corrected | wide


@pytest.mark.parametrize(
    "request_, reason",
    [
        ("attention=gla attention/readout=denominator", "have any sign"),
        ("attention=linear attention/update=delta", "the delta rule takes away"),
        ("attention=performer attention/decay=vector_gate", "a gate for each channel"),
        ("attention=deltanet position=xpos", "the delta rule needs unit keys"),
        ("attention=retnet position=alibi", "needs an attention that has scores"),
    ],
)
def test_refusals_say_why(request_, reason):
    with pytest.raises(Misfit, match=reason):
        variant(["task=text", *request_.split()])


def test_what_acts_on_scores_is_refused():
    attention = build(Elu1(), NoDecay())
    with pytest.raises(ValueError, match="Alibi acts on scores"):
        attention(draw(attention), torch.arange(70.0), Alibi(num_heads=3, max_exponent=8.0))


def test_alibi_on_exponentials_is_a_fixed_decay():
    """With one channel exp(q) exp(k) = exp(q + k): rows are a softmax of k_j + (i - j) log a."""
    attention = build(Exp(), FixedDecay(num_heads=3, first=1.0), head_width=1)
    x, pos = draw(attention), torch.arange(float(T))
    (block,) = attention.row_blocks(x, pos, Position(), torch.arange(T))
    _, k, _ = attention.layout.project(x)
    slopes = -attention.decay.log.double()  # (H, 1, 1)
    scores = k.mT - slopes * (pos[:, None] - pos)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    expected = scores.masked_fill(future, -torch.inf).softmax(-1)
    torch.testing.assert_close(block.weights, expected, rtol=0, atol=1e-12)


def test_denominator_is_not_rotated():
    """The rows' sums with rotation are those of the rotated over the unrotated products."""
    attention = build(Elu1(), NoDecay())
    x, pos, position = draw(attention), torch.arange(float(T)), rope(attention)
    q, k, _ = attention.layout.project(x)
    q, k = Elu1()(q, k)
    turned_q, turned_k = position.rotate(q, k, pos, pos)
    sums = (turned_q @ turned_k.mT).tril().sum(-1) / (q @ k.mT).tril().sum(-1)
    (rows,) = attention.row_blocks(x, pos, position, torch.arange(T))
    torch.testing.assert_close(rows.weights.sum(-1), sums, rtol=0, atol=1e-12)
    assert not rows.row_stochastic and (rows.weights < 0).any()


def test_steps_keep_the_scale_of_xpos():
    attention = build(Elu1(), NoDecay())
    settings = {"base": 100.0, "gamma": 0.4, "scale_base": 1.0, "zeta": "per_pair"}
    position, x = Xpos(head_width=6, train_length=10, **settings), draw(attention, 25)
    state = attention.init_state(B)
    for t in range(25):
        row, state = attention.step(x[:, t, None], torch.arange(t + 1.0), position, state)
    whole = attention(x, torch.arange(25.0), position)
    torch.testing.assert_close(row, whole[:, -1:], rtol=0, atol=1e-10)


def test_features_that_vanish_give_zeros():
    attention = build(Elu1(), NoDecay()).float()
    with torch.no_grad():
        attention.layout.qkv.weight.fill_(-100.0)
    x = torch.ones(1, 5, 7, requires_grad=True)
    mixed = attention(x, torch.arange(5.0), Position())
    mixed.sum().backward()
    assert (mixed == 0).all() and x.grad.isfinite().all()
