from functools import partial
from math import log
from types import SimpleNamespace

import pytest
import torch

from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.mask.window import Window
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.core.contracts import IGNORED, Batch, Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.decoder import Decoder
from kexue_pipe.model.head.untied import Untied
from kexue_pipe.position.rope import Rope
from kexue_pipe.position_ids.ordinal import Ordinal

V, N, C, H, D, L = 11, 12, 10, 3, 4, 2


def _attention():
    layout = MultiHead(width=C, num_heads=H, head_width=D)
    return SoftmaxAttention(layout=layout, scale=RSqrt(), normaliser=Softmax(), mask=Causal())


def _decoder(**options):
    decoder = Decoder(
        task=SimpleNamespace(vocabulary_size=V, train_length=N),
        position=lambda: Rope(head_width=D, base=100.0),
        position_ids=Ordinal,
        attention=_attention,
        head=partial(Untied, width=C),
        width=C,
        num_layers=L,
        feedforward_factor=4,
        **options,
    )
    initialise(decoder, 0)
    return decoder.double()


@pytest.fixture
def model():
    return _decoder()


@pytest.fixture
def tokens():
    return torch.randint(V, (2, N), generator=torch.Generator().manual_seed(0))


def _norm(x, gain):
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * gain


def test_equals_the_formula(model, tokens):
    x = model.embedding.weight[tokens]
    pos = torch.arange(N, dtype=torch.float64)
    for block in model.blocks:
        x = x + block.attention(_norm(x, block.attention_norm.weight), pos, model.position)
        up = _norm(x, block.feedforward_norm.weight) @ block.up.weight.T
        x = x + (up * (1 + torch.erf(up / 2**0.5)) / 2) @ block.down.weight.T
    expected = _norm(x, model.norm.weight) @ model.head.weight.T
    torch.testing.assert_close(model(tokens), expected, rtol=0, atol=1e-12)


def test_last_logits_are_the_end_of_all(model, tokens):
    torch.testing.assert_close(model(tokens, last=3), model(tokens)[:, -3:], rtol=0, atol=1e-12)


def test_positions_are_data(model, tokens):
    shifted = torch.arange(N, dtype=torch.float64) + 5
    torch.testing.assert_close(model(tokens, shifted), model(tokens), rtol=0, atol=1e-9)
    assert (model(tokens, shifted * 2) - model(tokens)).abs().max() > 1e-6


def test_a_prefix_has_the_logits_of_the_prefix(model, tokens):
    torch.testing.assert_close(model(tokens[:, :5]), model(tokens)[:, :5], rtol=0, atol=1e-12)


def test_attention_inputs_are_what_each_attention_reads(model, tokens):
    seen = []
    for attention in model.attentions:
        attention.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    inputs = model.attention_inputs(tokens)
    assert len(inputs) == L
    for read, given in zip(seen, inputs, strict=True):
        torch.testing.assert_close(read, given, rtol=0, atol=0)


def test_first_loss_is_that_of_a_guess(model, tokens):
    batch = Batch(tokens, tokens.roll(-1, 1))
    loss = model.loss(batch, torch.Generator()).loss.item()
    # logits of standard deviation 0.02 sqrt(C) = 0.06 add their variance / 2 and a sample's luck
    assert abs(loss - log(V)) < 0.05


def test_loss_and_accuracy_count_scored_tokens_only(model, tokens):
    labels = tokens.roll(-1, 1)
    labels[:, 1:] = IGNORED
    labels[0, 0], labels[1, 0] = model(tokens)[0, 0].argmax(), model(tokens)[1, 0].argmin()
    loss, accuracy, _ = model.loss(Batch(tokens, labels), torch.Generator())
    scores = model(tokens)[:, 0].log_softmax(-1)
    torch.testing.assert_close(loss, -(scores[0].max() + scores[1].min()) / 2)
    assert accuracy == 0.5


def test_costs_by_hand(model):
    matrices = L * (3 * C * H * D + H * D * C + 8 * C * C) + C * V
    parameters = matrices + V * C + (2 * L + 1) * C
    attention = L * 2 * H * N * D  # q.k and p v, over the whole square
    assert model.costs() == {
        "parameters": parameters,
        "flops_per_token": 2 * (matrices + attention),
        "cache_elements_per_token": L * 2 * H * D,
        "state_elements": 0,
    }


def test_replacing_shares_all_parameters_and_leaves_the_model_alone(model, tokens):
    before = model(tokens)
    changed = model.replace(position=Position(), mask=Window(width=2))
    shared = zip(model.named_parameters(), changed.named_parameters(), strict=True)
    assert all(a[0] == b[0] and a[1] is b[1] for a, b in shared)
    assert (changed(tokens) - before).abs().max() > 1e-6
    torch.testing.assert_close(model(tokens), before, rtol=0, atol=0)
    with pytest.raises(AttributeError, match="no part `colour`"):
        model.replace(colour=None)


def test_a_part_that_answers_another_shape_is_caught(model, tokens):
    class Short(Position):
        def embed(self, x, pos):
            return x[:, 1:]

    with pytest.raises(AssertionError, match="position gave"):
        model.replace(position=Short())(tokens)


def test_auxiliary_losses_of_attentions_are_part_of_the_loss(model, tokens):
    batch = Batch(tokens, tokens.roll(-1, 1))
    plain = model.loss(batch, torch.Generator()).loss
    for attention, aux in zip(model.attentions, (0.25, 0.5), strict=True):
        attention.aux = torch.tensor(aux)
    torch.testing.assert_close(model.loss(batch, torch.Generator()).loss, plain + 0.75)


def test_a_short_convolution_stands_between_norm_and_attention(tokens):
    model, plain = _decoder(convolution=3), _decoder()
    normal = _norm(model.embedding.weight[tokens], model.blocks[0].attention_norm.weight)
    expected = normal.clone()
    kernel = model.blocks[0].convolution.weight[:, 0]  # (C, 3), the token itself last
    for t in range(N):
        for k in range(min(3, t + 1)):
            expected[:, t] += kernel[:, 2 - k] * normal[:, t - k]
    read = model.attention_inputs(tokens)[0]
    torch.testing.assert_close(read, expected, rtol=0, atol=1e-12)
    test_last_logits_are_the_end_of_all(model, tokens)
    test_a_prefix_has_the_logits_of_the_prefix(model, tokens)
    test_attention_inputs_are_what_each_attention_reads(model, tokens)
    assert model.costs()["parameters"] == plain.costs()["parameters"] + L * 3 * C
    assert model.costs()["state_elements"] == L * 2 * C
