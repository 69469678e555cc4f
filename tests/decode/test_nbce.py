"""Against the exact posterior of a toy, and row by row against the definition."""

from math import log

import pytest
import torch

from kexue_pipe.core.contracts import Model
from kexue_pipe.decode.nbce import decode, nucleus, pool

V, N = 7, 6
KNOBS = {"question": 2, "pooling": "min_entropy", "beta": 0.25, "top_p": 0.95, "eta": 0.1}
SAME = {"rtol": 0, "atol": 1e-12}


class Bag(Model):
    """Exact posterior of a hidden answer whose tokens are drawn independently given it.

    p(answer) has the form of a prior, p(token | answer) is a table; the last two tokens ask and
    tell nothing. Logits at t are the posterior after the tokens up to t.
    """

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.prior = torch.randn(V, generator=generator, dtype=torch.float64)
        self.table = torch.randn(V - 1, V, generator=generator, dtype=torch.float64).log_softmax(0)
        self.table = torch.cat((self.table, torch.zeros(1, V)))  # token V - 1 asks

    def forward(self, tokens, pos=None, last=None):
        logits = 3.0 + self.prior + self.table[tokens].cumsum(1)  # (B, T, V), not normalised
        return logits if last is None else logits[:, -last:]


def _tokens(length):
    tokens = torch.randint(V - 1, (3, length), generator=torch.Generator().manual_seed(1))
    tokens[:, -2:] = V - 1
    return tokens


def _decode(length, **knobs):
    return decode(Bag(), length=length, train_length=N, **KNOBS | knobs)


@pytest.mark.parametrize("length", [7, 10, 22, 23])
def test_naive_bayes_is_exact_for_independent_contexts(length):
    tokens = _tokens(length)
    exact = Bag()(tokens, last=2).log_softmax(-1)
    logits = _decode(length, pooling="naive_bayes")(tokens, last=2)
    torch.testing.assert_close(logits, exact, **SAME)
    count = -(-(length - 2) // 4)
    mean = _decode(length, pooling="mean", beta=count - 1.0)(tokens, last=2)
    torch.testing.assert_close(mean, exact, **SAME)


def test_surest_context_by_hand():
    """Two contexts and three rows; eta keeps the context of the row before."""
    sure, less, flat = ([p, 1 - p] for p in (0.9, 0.89, 0.5))
    contexts = torch.tensor([[[sure, less, sure], [flat, sure, flat]]]).double().log()
    alone = torch.full((1, 3, 2), 0.5).double().log()
    knobs = {"pooling": "min_entropy", "beta": 0.25, "top_p": 1.0}
    for eta, row in ((0.0, sure), (0.1, less)):
        pooled = pool(contexts, alone, **knobs, eta=eta)
        expected = torch.tensor([[1.25 * log(p) - 0.25 * log(0.5) for p in row]]).double()
        torch.testing.assert_close(pooled[:, 1], expected)


def test_tokens_that_are_improbable_without_context_are_answered_by_the_context():
    contexts = torch.tensor([[[[0.2, 0.3, 0.5]]]]).double().log()
    alone = torch.tensor([[[0.90, 0.08, 0.02]]]).double().log()
    pooled = pool(contexts, alone, pooling="min_entropy", beta=1.0, top_p=0.95, eta=0.1)
    expected = [2 * log(0.2) - log(0.9), 2 * log(0.3) - log(0.08), log(0.5)]
    torch.testing.assert_close(pooled[0, 0], torch.tensor(expected).double())


def test_nucleus_by_hand():
    p = torch.tensor([[0.05, 0.6, 0.3, 0.05], [1.0, 0.0, 0.0, 0.0]]).log()
    assert nucleus(p, 0.8).tolist() == [[False, True, True, False], [True, False, False, False]]
    assert nucleus(p, 1.0)[0].all()


@pytest.mark.parametrize("pooling", ["min_entropy", "mean", "naive_bayes"])
def test_gives_distributions_that_do_not_depend_on_the_rows_asked_for(pooling):
    model, tokens = _decode(22, pooling=pooling), _tokens(22)
    two = model(tokens, last=2)
    assert two.shape == (3, 2, V) and two.isfinite().all()
    torch.testing.assert_close(two.exp().sum(-1), torch.ones(3, 2).double())
    torch.testing.assert_close(model(tokens, last=1), two[:, 1:], **SAME)


def test_each_knob_of_the_surest_context_counts():
    tokens = _tokens(22)
    default = _decode(22)(tokens, last=2)
    for knob in ({"beta": 0.5}, {"top_p": 0.5}, {"pooling": "mean"}, {"question": 3}):
        assert (_decode(22, **knob)(tokens, last=2) - default).abs().max() > 1e-3


def test_within_the_training_length_it_is_plain():
    model = Bag()
    assert decode(model, length=N, train_length=N, **KNOBS) is model
    tokens = _tokens(N)
    assert torch.equal(_decode(22)(tokens, last=4), model(tokens, last=4))


@pytest.mark.parametrize("last", [None, 3])
def test_tokens_before_the_question_are_refused(last):
    with pytest.raises(ValueError, match="decode.question=2"):
        _decode(22)(_tokens(22), last=last)


def test_has_no_attention_rows_over_the_whole_context():
    assert _decode(22).attentions == _decode(22).attention_inputs(_tokens(22)) == []
