"""Residual quantisation: residuals, one gradient, prefixes, and the package's M-fold gradient."""

from functools import partial

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.estimator.diveq import DiVeQ
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.rvq import RVQ
from kexue_pipe.quantizer.vq import VQ
from kexue_pipe.quantizer.vq_ema import VQEMA

k, M, D, N = 7, 3, 5, 97
EMA = partial(
    VQEMA, init="normal", gamma_commit=0.3, ema_decay=0.9, ema_eps=1e-5, restart_threshold=0.0
)
TRAINED = partial(
    VQ, init="normal", beta_codebook=0.7, gamma_commit=0.3, restart_threshold=0.0, ema_decay=0.9
)


def build(depth=M, dropout=0.0, estimator=None, book=EMA, K=None):
    quantizer = RVQ(
        K=K or k**depth, D=D, depth=depth, prefix_dropout=dropout,
        estimator=estimator or STE(), book=book,
    ).double()  # fmt: skip
    for seed, part in enumerate(quantizer.books):
        part.codebook.initialise(draws(seed))
    return quantizer


def latents(seed=1, n=N):
    return torch.randn(n, D, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_stage_takes_the_row_nearest_to_what_is_left():
    quantizer, z = build().eval(), latents()
    rest, index, terms = z, 0, []
    for m, book in enumerate(quantizer.books):
        digit = torch.cdist(rest, book.codebook.rows).argmin(1)
        rows = book.codebook.rows[digit]
        terms.append(0.3 * (rest - rows).square().mean())
        rest, index = rest - rows, index + digit * k**m
    out = quantizer(z, draws())
    assert torch.equal(out.index, index) and torch.equal(quantizer.encode(z), index)
    torch.testing.assert_close(out.q, z - rest)  # z = sum q_m + r_M
    torch.testing.assert_close(out.aux, sum(terms))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_encoder_gets_the_decoders_gradient_once(depth):
    z = latents().requires_grad_()
    build(depth)(z, draws()).z_q.sum().backward()
    assert (z.grad == 1).all()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_reference_package_gives_it_as_often_as_there_are_stages(depth):
    # it adds up straight-through outputs, so its encoder learns from M times the gradient
    reference = vector_quantize_pytorch.ResidualVQ(
        dim=D, num_quantizers=depth, codebook_size=k, rotation_trick=False
    )
    z = latents().float().requires_grad_()
    reference(z[None])[0].sum().backward()
    torch.testing.assert_close(z.grad, torch.full((N, D), float(depth)))


def test_codes_and_values_equal_the_reference_package():
    reference = vector_quantize_pytorch.ResidualVQ(dim=D, num_quantizers=M, codebook_size=k).eval()
    quantizer, z = build().float().eval(), latents().float()
    for book, layer in zip(quantizer.books, reference.layers, strict=True):
        layer.codebook = book.codebook.rows
    values, index, _ = reference(z[None])
    out = quantizer(z, draws())
    assert torch.equal(out.index, index[0] @ torch.tensor([1, k, k**2]))
    torch.testing.assert_close(out.q, values[0])


def test_residuals_of_trained_stages_shrink():
    quantizer = build(book=partial(EMA, init="data"))
    for step in range(60):
        quantizer(latents(step), draws(step), 0.0)
    rest = [latents(99)]
    for book in quantizer.eval().books:
        rest.append(rest[-1] - book(rest[-1], draws()).q)
    norms = [r.square().mean() for r in rest]
    assert all(b < a for a, b in zip(norms, norms[1:], strict=False))


def test_stages_start_from_the_residuals_that_they_see():
    quantizer, z = build(book=partial(EMA, init="data")), latents() + 100
    quantizer(z, draws())
    lengths = [book.codebook.rows.norm(dim=1).mean() for book in quantizer.books]
    assert lengths[0] > 100 and lengths[1] < 10 and lengths[2] < 10


def test_trained_stages_learn_each_from_its_own_residual():
    quantizer, z = build(book=TRAINED), latents()
    quantizer(z, draws()).aux.backward()
    rest = z
    for book in quantizer.books:
        q = book.decode(book.encode(rest)).detach()
        error = torch.zeros(k, D).double().index_add_(0, book.encode(rest), q - rest)
        torch.testing.assert_close(book.codebook.rows.grad, 2 * 0.7 * error / (N * D))
        rest = rest - q


def test_an_estimator_that_moves_rows_moves_those_of_all_stages_alike():
    quantizer, z = build(book=TRAINED, estimator=DiVeQ(sigma2=0.0)), latents().requires_grad_()
    out = quantizer(z, draws())
    out.z_q.sum().backward()
    assert out.aux == 0
    to_rows = [book.codebook.rows.grad.sum(0) for book in quantizer.books]
    torch.testing.assert_close(to_rows[0], to_rows[1])
    torch.testing.assert_close(to_rows[0] + z.grad.sum(0), torch.full((D,), float(N)).double())


def test_prefix_dropout_runs_every_prefix_in_training_only():
    quantizer, z = build(dropout=1.0, book=TRAINED), latents()
    seen = set()
    for seed in range(30):
        out = quantizer(z, draws(seed))
        prefix = torch.stack([quantizer.decode(out.index % k**m) for m in range(1, M + 1)])
        rows = quantizer.books[0].decode(out.index % k)
        stages = int((out.index >= k).any()) + int((out.index >= k**2).any())
        seen.add(stages)
        if stages == 0:
            assert torch.equal(out.q, rows)
        elif stages == M - 1:
            torch.testing.assert_close(out.q, prefix[-1])
    assert seen == {0, 1, 2}
    assert (quantizer.eval()(z, draws()).index >= k**2).any()


def test_number_without_a_root_is_named():
    with pytest.raises(ValueError, match="K=100 is no whole number to the power of depth=3"):
        build(K=100)
