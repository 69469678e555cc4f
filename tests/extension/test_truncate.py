import torch

from kexue_pipe.extension.truncate import extend

N = 8


def test_last_tokens_are_those_of_a_fresh_run(decoder, tokens):
    model = decoder()
    logits = extend(model, length=32, train_length=N)(tokens)
    torch.testing.assert_close(logits[:, -N:], model(tokens[:, -N:]), rtol=0, atol=0)
    assert logits[:, :-N].isnan().all() and logits.shape == model(tokens).shape


def test_what_stands_before_the_cut_does_not_matter(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N)
    changed = torch.cat((tokens[:, :-N].flip(1), tokens[:, -N:]), dim=1)
    torch.testing.assert_close(model(changed)[:, -N:], model(tokens)[:, -N:], rtol=0, atol=0)


def test_last_rows_alone(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N)
    for last in (1, 5, N, 13):
        expected = model(tokens)[:, -last:]
        torch.testing.assert_close(model(tokens, last=last), expected, equal_nan=True)


def test_gives_the_model_back_within_the_training_length(decoder):
    model = decoder()
    assert extend(model, length=N, train_length=N) is model


def test_has_no_attention_rows_over_the_whole_context(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N)
    assert model.attentions == model.attention_inputs(tokens) == []
