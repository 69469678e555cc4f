import pytest
import torch
from torch.testing import assert_close

from kexue_pipe.position.rope import Rope
from kexue_pipe.position.rope_bias import RopeBias

B, H, T, D = 2, 3, 11, 14
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def qk():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, B, H, T, D, generator=generator, dtype=torch.float64).unbind()


@pytest.fixture
def position():
    position = RopeBias(head_width=D, num_heads=H, base=100.0).double()
    with torch.no_grad():
        for parameter in position.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(len(parameter)))
    return position


def _scores(position, q, k, pos_q, pos_k):
    q, k = position.rotate(q, k, pos_q, pos_k)
    return q @ k.mT


def test_scores_are_the_four_terms_of_rope(qk, position):
    rope, pos = Rope(head_width=D, base=100.0), torch.arange(T)
    biases = [x[:, None].expand(B, H, T, D) for x in (position.q_bias, position.k_bias)]
    expected = sum(
        _scores(rope, q, k, pos, pos) for q in (qk[0], biases[0]) for k in (qk[1], biases[1])
    )
    assert_close(_scores(position, *qk, pos, pos), expected, **EXACT)


def test_at_the_start_it_is_rope_and_both_biases_have_a_gradient(qk):
    position, pos = RopeBias(head_width=D, num_heads=H, base=100.0).double(), torch.arange(T)
    scores = _scores(position, *qk, pos, pos)
    assert_close(scores, _scores(Rope(head_width=D, base=100.0), *qk, pos, pos), **EXACT)
    scores.softmax(-1)[..., 0].sum().backward()
    assert all((parameter.grad != 0).all() for parameter in position.parameters())


def test_without_content_the_score_is_a_function_of_distance(position):
    zero, pos = torch.zeros(1, H, T, D).double(), torch.arange(T, dtype=torch.float64)
    scores = _scores(position, zero, zero, pos, pos)
    assert_close(scores, _scores(position, zero, zero, pos + 1000, pos + 1000), rtol=0, atol=1e-9)
    assert_close(scores[..., 1:, 1:], scores[..., :-1, :-1], **EXACT)
    assert scores.std() > 1


def test_frequencies_are_replaced_in_a_copy_that_shares_the_biases(qk, position):
    slow, pos = position.with_frequencies(position.theta / 2), torch.arange(T)
    assert_close(_scores(slow, *qk, pos, pos), _scores(position, *qk, pos / 2, pos / 2), **EXACT)
    assert slow.q_bias is position.q_bias
    assert set(position.state_dict()) == {"q_bias", "k_bias"}
