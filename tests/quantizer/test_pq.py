"""Product quantisation: separate quantizers side by side."""

from functools import partial

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.estimator.rotation import Rotation
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.pq import PQ
from kexue_pipe.quantizer.vq import VQ

k, G, D, N = 7, 3, 6, 97
BOOK = partial(
    VQ, init="normal", beta_codebook=0.7, gamma_commit=0.3, restart_threshold=0.0, ema_decay=0.9
)


def build(K=k**G, D=D, groups=G, estimator=None, book=BOOK):
    quantizer = PQ(K=K, D=D, groups=groups, estimator=estimator or STE(), book=book).double()
    for seed, part in enumerate(quantizer.books):
        part.codebook.initialise(draws(seed))
    return quantizer


def latents(seed=1):
    return torch.randn(N, D, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("estimator", [STE(), Rotation()])
def test_it_is_one_quantizer_per_slice(estimator):
    quantizer, w = build(estimator=estimator), latents(2)
    ours, theirs = latents().requires_grad_(), latents().requires_grad_()
    out = quantizer(ours, draws())
    parts = [
        book(part, draws()) for book, part in zip(quantizer.books, theirs.split(2, 1), strict=True)
    ]
    z_q = torch.cat([part.z_q for part in parts], 1)
    aux = sum(part.aux for part in parts) / G
    (out.z_q * w).sum().backward()
    (z_q * w).sum().backward()
    assert torch.equal(out.z_q, z_q) and torch.equal(ours.grad, theirs.grad)
    torch.testing.assert_close(out.aux, aux)
    index = parts[0].index + k * parts[1].index + k**2 * parts[2].index
    assert torch.equal(out.index, index)


def test_auxiliary_loss_is_a_mean_over_all_numbers():
    quantizer, z = build(), latents()
    out = quantizer(z, draws())
    torch.testing.assert_close(out.aux, (0.7 + 0.3) * (z - out.q).square().mean())


def test_every_joint_code_comes_back():
    quantizer = build()
    index = torch.arange(k**G)
    assert torch.equal(quantizer.encode(quantizer.decode(index)), index)
    assert quantizer.digits == (k,) * G and quantizer.num_codes == k**G


def test_stats_are_means_over_the_slices():
    out = build()(latents(), draws())
    digits = [out.index // k**g % k for g in range(G)]
    used = sum(len(digit.unique()) / k for digit in digits) / G
    assert out.stats["used"] == pytest.approx(used)
    assert set(out.stats) == set(build().logged)


def test_codes_values_and_commitment_equal_the_reference_package():
    reference = vector_quantize_pytorch.VectorQuantize(
        dim=D, codebook_size=k, heads=G, codebook_dim=D // G, separate_codebook_per_head=True,
        rotation_trick=False, commitment_weight=0.3,
    )  # fmt: skip
    quantizer = build(book=partial(BOOK, beta_codebook=0.0)).float()
    reference.codebook = torch.stack([book.codebook.rows.detach() for book in quantizer.books])
    z = latents().float()
    values, index, loss = reference.train()(z[None], freeze_codebook=True)
    out = quantizer(z, draws())
    assert torch.equal(out.index, index[0] @ torch.tensor([1, k, k**2]))
    torch.testing.assert_close(out.q, values[0])
    torch.testing.assert_close(out.aux, loss.squeeze())


def test_numbers_that_cannot_be_cut_are_named():
    with pytest.raises(ValueError, match="D=7 cannot be cut into groups=3"):
        build(D=7)
    with pytest.raises(ValueError, match="K=100 is no whole number to the power of groups=3"):
        build(K=100)
