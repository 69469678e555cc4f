import pytest
import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.cope import Cope

B, H, T, D = 2, 3, 13, 7
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def qk():
    """Queries scaled by 1/sqrt(D), and keys."""
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, B, H, T, D, generator=generator, dtype=torch.float64).unbind()
    return q * D**-0.5, k


@pytest.fixture
def pos():
    return torch.arange(T, dtype=torch.float64)


def _cope(p_max=4):
    position = Cope(head_width=D, p_max=p_max, train_length=16).double()
    table = torch.randn(p_max + 1, D, generator=torch.Generator().manual_seed(1))
    position.table.data = table.double()
    return position


@pytest.mark.parametrize("p_max", [1, 4, 40])
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers_on_the_past(qk, pos, p_max):
    from x_transformers.x_transformers import CoPE

    ours, theirs = _cope(p_max), CoPE(dim=D, heads=H, max_pos=p_max + 1).double()
    theirs.pos_emb.data = ours.table.data
    content = qk[0] @ qk[1].mT
    masked = content.masked_fill(torch.ones(T, T).triu(1) > 0, -torch.finfo(torch.float64).max)
    expected = content + theirs(qk[0] * D**0.5, masked)
    scores = ours.scores(*qk, pos, pos)
    torch.testing.assert_close(scores.tril(), expected.tril(), **EXACT)
    assert scores.isfinite().all()


def test_counts_tokens_whose_gates_are_open(pos):
    """Keys of +-50 along the query: p is the number of open gates from the key to the query."""
    opened = torch.tensor([1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1], dtype=torch.float64)
    q, k = torch.ones(1, 1, T, D).double(), torch.zeros(1, 1, T, D).double()
    k[..., 0] = 100 * opened - 50
    position = _cope(p_max=20)
    scores = position.scores(q, k, pos, pos) - q @ k.mT
    for i in range(T):
        for j in range(i + 1):
            count = int(opened[j : i + 1].sum())
            expected = D**0.5 * position.table[count].sum().item()  # q is read times sqrt(D)
            assert scores[0, 0, i, j].item() == pytest.approx(expected, abs=1e-9)


def test_open_gates_are_a_clipped_relative_table(pos):
    q, k = torch.ones(1, 1, T, D).double(), torch.full((1, 1, T, D), 20.0).double()
    position = _cope(p_max=4)
    scores = position.scores(q, k, pos, pos) - q @ k.mT
    place = (pos[:, None] - pos + 1).clamp(0, 4).long()  # a token counts itself
    expected = D**0.5 * position.table.sum(-1)[place]
    torch.testing.assert_close(scores[0, 0].tril(), expected.tril(), rtol=0, atol=1e-9)


def test_a_block_of_queries_with_the_keys_before_it_and_some_after(qk, pos):
    position = _cope()
    whole = position.scores(*qk, pos, pos)
    for last in (9, T):  # keys up to the last query, and beyond
        block = position.scores(qk[0][:, :, 5:9], qk[1][:, :, :last], pos[5:9], pos[:last])
        torch.testing.assert_close(block.tril(5), whole[:, :, 5:9, :last].tril(5), **EXACT)
    windowed = position.scores(qk[0][:, :, 5:9], qk[1][:, :, 3:9], pos[5:9], pos[3:9])
    torch.testing.assert_close(windowed.tril(2), whole[:, :, 5:9, 3:9].tril(2), **EXACT)


def test_keys_in_the_future_do_not_open_gates(qk, pos):
    changed = qk[1].clone()
    changed[:, :, 8:] += 10
    scores, other = (_cope().scores(qk[0], k, pos, pos) for k in (qk[1], changed))
    torch.testing.assert_close(other[:, :, :8, :8], scores[:, :, :8, :8], **EXACT)


def test_does_not_see_a_shift(qk, pos):
    assert torch.equal(_cope().scores(*qk, pos, pos), _cope().scores(*qk, pos + 1000, pos + 1000))


def test_starts_at_plain_scores_and_learns_from_there(qk, pos):
    position = Cope(head_width=D, p_max=None, train_length=16).double()
    initialise(position, 0)
    scores = position.scores(*qk, pos, pos)
    assert position.table.shape == (9, D)  # 0 ... N/2
    torch.testing.assert_close(scores, qk[0] @ qk[1].mT, **EXACT)
    scores.tril().square().sum().backward()
    assert (position.table.grad[:5] != 0).any(-1).all()


def test_gradient_by_differences(qk, pos):
    q, k = (x[:1, :1, :6].requires_grad_() for x in qk)
    position = _cope()
    assert torch.autograd.gradcheck(lambda q, k: position.scores(q, k, pos[:6], pos[:6]), (q, k))
