import pytest
import torch

from kexue_pipe.core.contracts import Position
from kexue_pipe.extension.rerope import Folded, extend, extend_leaky
from kexue_pipe.position.rope import Rope
from tests.extension.reference import check_scores, draw_qk

N = 8
SAME = {"rtol": 0, "atol": 1e-12}


@pytest.mark.parametrize("window, w", [(0.5, 4), (0.25, 2), (2.0, 16)])
def test_holds_distances_at_the_width_of_the_window(decoder, window, w):
    model = extend(decoder(), length=29, train_length=N, window=window)
    theta = decoder().position.theta
    check_scores(model.position, lambda i, j: (i - j).clamp(max=w), theta, 29)


def test_a_window_as_long_as_the_context_is_the_identity(decoder, tokens):
    model = decoder()
    extended = extend(model, length=32, train_length=N, window=4.0)
    torch.testing.assert_close(extended(tokens), model(tokens), **SAME)


def test_is_the_limit_of_leaky_rerope(decoder, tokens):
    model = decoder()
    knobs = {"length": 32, "train_length": N, "window": 0.5}
    leaky = extend_leaky(model, **knobs, k=1e12, allow_beyond=False)
    torch.testing.assert_close(extend(model, **knobs)(tokens), leaky(tokens), rtol=0, atol=1e-9)


def test_does_not_see_a_shift(decoder, tokens):
    model = extend(decoder(), length=32, train_length=N, window=0.5)
    pos = torch.arange(32, dtype=torch.float64)
    torch.testing.assert_close(model(tokens, pos), model(tokens, pos + 1000), rtol=0, atol=1e-9)


class Decaying(Position):
    """A rotation that also scales, as xPos does, and moves keys, with a bias and an embedding."""

    def __init__(self):
        super().__init__()
        self.rope = Rope(head_width=6, base=100.0)

    def embed(self, x, pos):
        return x + pos[:, None]

    def rotate(self, q, k, pos_q, pos_k):
        q, k = self.rope.rotate(q, k + 0.1, pos_q, pos_k)
        return q * 0.9 ** pos_q[:, None], k * 0.9 ** -pos_k[:, None]

    def bias(self, q, pos_q, pos_k):
        return (pos_q[:, None] - pos_k)[None, None]


def test_goes_over_any_rotation_and_keeps_its_other_hooks():
    inner, pos, (q, k) = Decaying(), torch.arange(13.0).double(), draw_qk(13, 6)
    position = Folded(inner, 4, lambda a, b: (torch.full_like(a[:1], 4), torch.zeros_like(b[:1])))
    scores = position.scores(q, k, pos, pos)
    for i, j in ((12, 0), (12, 8), (12, 9), (12, 12), (3, 0)):
        distance = torch.tensor([float(min(i - j, 4))]).double()
        one = inner.rotate(q[:, :, [i]], k[:, :, [j]], distance, torch.zeros(1).double())
        torch.testing.assert_close(scores[:, :, [i], [j]], (one[0] * one[1]).sum(-1), **SAME)
    x = torch.zeros(2, 13, 6, dtype=torch.float64)
    assert torch.equal(position.embed(x, pos), inner.embed(x, pos))
    assert torch.equal(position.bias(q, pos, pos), inner.bias(q, pos, pos))
    # a bias of keys alone would make a fused kernel pass over the scores
    assert position.key_bias(pos) is None
