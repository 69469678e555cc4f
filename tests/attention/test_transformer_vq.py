"""Attention to quantised keys: linear form = quadratic form, and tables that learn in training."""

from functools import partial

import pytest
import torch

from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.attention.transformer_vq import TransformerVQ
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.rope import Rope
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.vq_ema import VQEMA

B, C, H, D, L = 2, 7, 3, 6, 4
ROPE = Rope(head_width=D, base=100.0)
BOOK = partial(
    VQEMA, init="normal", estimator=STE(), gamma_commit=0.5, ema_decay=0.9, ema_eps=1e-5,
    restart_threshold=0.0,
)  # fmt: skip


def build(codes=5, block=L):
    layout = MultiHead(width=C, num_heads=H, head_width=D)
    attention = TransformerVQ(layout=layout, scale=RSqrt(), codes=codes, block=block, book=BOOK)
    initialise(attention, 0)
    return attention.double().eval()


def tokens(length):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(B, length, C, generator=generator, dtype=torch.float64)


def positions(length):
    return torch.arange(length, dtype=torch.float64)


def quadratic(attention, x, position):
    """The definition, one query at a time."""
    q, k, v = attention.layout.project(x)
    q = q * D**-0.5
    tables = torch.stack([book.codebook.rows for book in attention.books])
    nearest = torch.cdist(k, tables).argmin(-1)  # (B, H, T)
    k = torch.stack([tables[h][nearest[:, h]] for h in range(H)], 1)
    pos = positions(x.shape[1])
    turned_q, turned_k = position.rotate(q, k, pos, pos)
    rows = []
    for i in range(x.shape[1]):
        far = (q[:, :, i, None] * k).sum(-1)[..., : max(0, i - L + 1)]
        near = (turned_q[:, :, i, None] * turned_k).sum(-1)[..., max(0, i - L + 1) : i + 1]
        p = torch.cat([far, near], -1).softmax(-1)
        rows.append((p[..., None] * v[:, :, : i + 1]).sum(2))
    return attention.merge(torch.stack(rows, 2))


@pytest.mark.parametrize("position", [Position(), ROPE], ids=["none", "rope"])
@pytest.mark.parametrize("length", [1, 3, 4, 9, 30])
def test_linear_form_is_the_quadratic_form(position, length):
    attention, x = build(), tokens(length)
    with torch.no_grad():
        mixed = attention(x, positions(length), position)
        expected = quadratic(attention, x, position)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)


def test_a_later_token_leaves_earlier_outputs_bit_equal():
    attention, x = build(), tokens(23)
    changed = torch.cat([x[:, :13], 1 - x[:, 13:]], 1)
    before, after = (attention(y, positions(23), ROPE) for y in (x, changed))
    assert torch.equal(before[:, :13], after[:, :13])
    assert not torch.equal(before[:, 13:], after[:, 13:])


def test_keys_that_are_rows_give_softmax_attention():
    attention, x = build(codes=30), tokens(30)[:1]
    with torch.no_grad():
        for book, keys in zip(attention.books, attention.layout.project(x)[1][0], strict=True):
            book.codebook.rows.copy_(keys)
    parts = {"scale": RSqrt(), "normaliser": Softmax(), "mask": Causal()}
    softmax = SoftmaxAttention(layout=attention.layout, **parts)
    expected = softmax(x, positions(30), Position())
    torch.testing.assert_close(attention(x, positions(30), Position()), expected)


def test_far_keys_of_one_code_all_weigh_the_same():
    attention, x = build(codes=2), tokens(20)
    block = next(attention.row_blocks(x, positions(20), ROPE, torch.tensor([19])))
    far, near = block.weights[:, :, 0, : 20 - L], block.weights[:, :, 0, 20 - L :]
    assert all(len(row.unique()) <= 2 for row in far.flatten(0, 1))
    assert all(len(row.unique()) == L for row in near.flatten(0, 1))


def test_tables_and_auxiliary_loss_are_those_of_training_only():
    attention, x = build(), tokens(9)
    rows = [book.codebook.rows.clone() for book in attention.books]
    attention(x, positions(9), ROPE)
    assert attention.aux == 0
    attention.train()
    list(attention.row_blocks(x, positions(9), ROPE, torch.arange(9)))
    assert all(torch.equal(b.codebook.rows, r) for b, r in zip(attention.books, rows, strict=True))
    _, k, _ = attention.layout.project(x)
    nearest = torch.stack([r[torch.cdist(k[:, h], r).argmin(-1)] for h, r in enumerate(rows)], 1)
    attention(x, positions(9), ROPE)
    torch.testing.assert_close(attention.aux, 0.5 * (k - nearest).square().mean())
    moved = [
        not torch.equal(b.codebook.rows, r) for b, r in zip(attention.books, rows, strict=True)
    ]
    assert all(moved) and not any(
        p.numel() == rows[0].numel() for p in attention.books.parameters()
    )


def test_what_acts_on_scores_is_refused():
    with pytest.raises(ValueError, match="Alibi acts on scores"):
        build()(tokens(5), positions(5), Alibi(num_heads=H, max_exponent=8.0))


def test_decoding_keeps_codes_and_a_window():
    attention = build()
    assert attention.cache_elements_per_token() == 0
    assert attention.state_elements() == H * (D + 1) * (5 + L)
