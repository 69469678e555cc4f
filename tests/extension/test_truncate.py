import pytest
import torch

from kexue_pipe.core.contracts import Model
from kexue_pipe.extension.truncate import extend

N = 8
SAME = {"rtol": 0, "atol": 1e-12}


def _expected(model, tokens):
    """One window after the other: the last N/2 tokens of each, all tokens of the first."""
    T, step = tokens.shape[1], N // 2
    out = {}
    for end in range(T, N, -step):
        logits = model(tokens[:, end - N : end])
        out |= {t: logits[:, t - end] for t in range(end - step, end)}
    first = model(tokens[:, :N])
    return torch.stack([out.get(t, first[:, min(t, N - 1)]) for t in range(T)], dim=1)


@pytest.mark.parametrize("length", [9, 12, 13, 27, 32])
def test_equals_one_window_after_the_other(decoder, tokens, length):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N)
    expected = _expected(model, tokens)
    torch.testing.assert_close(extended(tokens), expected, **SAME)
    for last in (1, 3, 4, 5, 8, 9, length - 1, length):
        torch.testing.assert_close(extended(tokens, last=last), expected[:, -last:], **SAME)


def test_last_tokens_are_those_of_a_fresh_run_which_is_one_window(decoder, tokens, monkeypatch):
    model = decoder()
    expected = model(tokens[:, -N:])[:, -4:]
    shapes, forward = [], model.forward
    monkeypatch.setattr(
        model, "forward", lambda t, *a, **k: shapes.append(t.shape) or forward(t, *a, **k)
    )
    logits = extend(model, length=32, train_length=N)(tokens, last=4)
    torch.testing.assert_close(logits, expected, **SAME)
    assert shapes == [(2, N)]


def test_what_stands_before_the_cut_does_not_matter(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N)
    changed = torch.cat((tokens[:, :-N].flip(1), tokens[:, -N:]), dim=1)
    torch.testing.assert_close(model(changed)[:, -4:], model(tokens)[:, -4:], **SAME)


def test_given_positions_are_those_of_a_fresh_run(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N)
    torch.testing.assert_close(model(tokens, model.ids(tokens)), model(tokens), rtol=0, atol=0)


class Echo(Model):
    """A model that answers with its position ids."""

    def forward(self, tokens, pos=None, last=None):
        assert tokens.shape == pos.shape[1::-1]
        return pos.transpose(0, 1)[:, -last:]


def test_ids_of_grids_stay_with_their_tokens(tokens):
    pos = torch.rand(32, 2, 3)
    for last in (4, 7, 32):
        answer = extend(Echo(), length=32, train_length=N)(tokens, pos, last=last)
        assert torch.equal(answer, pos.transpose(0, 1)[:, -last:])


def test_gives_the_model_back_within_the_training_length(decoder):
    model = decoder()
    assert extend(model, length=N, train_length=N) is model


def test_has_no_attention_rows_over_the_whole_context(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N)
    assert model.attentions == model.attention_inputs(tokens) == []
