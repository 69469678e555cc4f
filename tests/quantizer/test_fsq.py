"""Finite scalar quantisation: five bounds, exact gradients, and the published entropies."""

from math import atanh

import pytest
import torch
import vector_quantize_pytorch

from kexue_pipe.quantizer.fsq import BOUNDS, FSQ

SETS = [[8, 6, 5], [8, 5, 5, 5], [7, 5, 5, 5, 5], [3, 4], [5], [8, 8]]
ETA = 1e-3


def build(levels=(8, 6, 5), bound="tanh", mode="ste", K=256, eta=ETA):
    levels = list(levels) if levels is not None else None
    return FSQ(K=K, levels=levels, bound=bound, mode=mode, eta=eta)


def latents(d, n=4001, scale=1.5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator, dtype=dtype) * scale


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("bound", "symmetric"), [("tanh", False), ("symmetric", True)])
@pytest.mark.parametrize("levels", SETS, ids=str)
def test_values_codes_and_gradients_equal_the_reference_package(levels, bound, symmetric):
    reference = vector_quantize_pytorch.FSQ(levels, preserve_symmetry=symmetric)
    z = latents(len(levels), dtype=torch.float32)
    w = torch.randn(z.shape, generator=draws())
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    out = build(levels, bound)(ours, draws())
    values, index = reference(theirs[None])
    (out.z_q * w).sum().backward()
    (values[0] * w).sum().backward()
    assert torch.equal(out.index, index[0].long())
    torch.testing.assert_close(out.z_q, values[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("L", [3, 5, 8])
def test_every_level_is_reached_in_order_within_one(bound, L):
    z = torch.linspace(-12, 12, 4001)[:, None]
    quantizer = build([L], bound)
    out = quantizer(z, draws())
    assert out.index.unique().tolist() == list(range(L))
    assert (out.index.diff() >= 0).all()
    assert out.z_q.abs().max() <= 1
    assert torch.equal(quantizer.decode(out.index), out.q)


def test_every_joint_code_has_a_latent():
    quantizer = build([8, 6, 5])
    line = torch.linspace(-4, 4, 401)
    columns = []
    for L in quantizer.digits:
        digit = build([L]).encode(line[:, None])
        columns.append(torch.stack([line[digit == i].median() for i in range(L)]))
    z = torch.cartesian_prod(*reversed(columns)).flip(1)  # first coordinate fastest
    assert torch.equal(quantizer.encode(z), torch.arange(240))


# bits of one coordinate for z ~ N(0, 1), cut after the third decimal
ENTROPY = {
    "tanh": {3: 1.563, 5: 2.305, 8: 2.967, 16: 3.967},
    "sigmoid": {3: 1.116, 5: 1.829, 8: 2.568, 16: 3.638},
    "ifsq": {3: 1.492, 5: 2.221, 8: 2.908, 16: 3.928},
    "uniform_bins": {3: 1.584, 5: 2.321, 8: 2.999, 16: 3.996},
}


@pytest.mark.parametrize("bound", ENTROPY)
def test_entropy_of_a_normal_coordinate_is_the_published_one(bound):
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    z = torch.special.ndtri(u)[:, None]  # equal steps of probability
    for L, expected in ENTROPY[bound].items():
        p = build([L], bound)(z, draws()).index.bincount(minlength=L) / len(z)
        assert -torch.special.xlogy(p, p).sum() / torch.log(torch.tensor(2.0)) == pytest.approx(
            expected, abs=1e-3
        )


def test_gradient_of_tanh_and_sigmoid_is_the_closed_form():
    z = latents(1).requires_grad_()
    build([8])(z, draws()).z_q.sum().backward()
    h = 7 * (1 + ETA) / 2
    expected = h * (1 - torch.tanh(z + atanh(0.5 / h)) ** 2) / 4
    torch.testing.assert_close(z.grad, expected.detach())
    z.grad = None
    build([8], "sigmoid")(z, draws()).z_q.sum().backward()
    expected = 2 * torch.sigmoid(z) * (1 - torch.sigmoid(z))
    torch.testing.assert_close(z.grad, expected.detach())


def test_sigmoid_is_symmetric_at_half_the_latent():
    z = latents(3)
    one, two = build(bound="sigmoid")(z, draws()), build(bound="symmetric")(z / 2, draws())
    assert torch.equal(one.index, two.index)
    torch.testing.assert_close(one.z_in, two.z_in)


def test_eight_levels_of_tanh_are_lopsided_and_hold_zero():
    quantizer = build([8])
    assert quantizer.decode(torch.arange(8))[:, 0].tolist() == [x / 4 for x in range(-4, 4)]
    assert build()(torch.zeros(1, 3), draws()).z_q.tolist() == [[0.0, 0.0, 0.0]]


def test_noise_covers_one_level_and_has_the_exact_gradient():
    quantizer = build([5], mode="noise")
    z = torch.full((20_000, 1), 0.3, dtype=torch.float64, requires_grad=True)
    out = quantizer(z, draws())
    noise = (out.z_q - out.z_in).detach() * 2  # in levels
    assert noise.abs().max() <= 0.5
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.03)
    out.z_q.sum().backward()
    expected = 2 * (1 + ETA) * (1 - torch.tanh(z) ** 2) / 2
    torch.testing.assert_close(z.grad, expected.detach())
    assert torch.equal(quantizer.eval()(z, draws()).z_q, out.q)


def test_eta_widens_the_bound():
    z = latents(3)
    assert not torch.equal(build(eta=0.1)(z, draws()).z_in, build()(z, draws()).z_in)


def test_wanted_number_of_codes_gives_the_advised_levels():
    assert build(None, K=1024).digits == (8, 5, 5, 5)


def test_slope_of_tanh_fades_at_large_latents():
    # 1.3e-3 at |z| = 4, and a factor of e^2 less for every further unit
    z = torch.tensor([[4.0], [-4.0], [5.0]], dtype=torch.float64, requires_grad=True)
    build([3], eta=0.0)(z, draws()).z_q.sum().backward()
    assert z.grad.flatten().tolist() == pytest.approx([1.34e-3, 1.34e-3, 1.34e-3 / 7.39], rel=2e-3)


def test_two_levels_of_tanh_would_saturate_or_have_no_bound():
    # the shift is atanh(1 / (1 + eta)), 3.8 for the reference code and NaN for the paper's listing
    half = (2 - 1) * torch.tensor([1 + ETA, 1 - ETA]) / 2
    shift = torch.atanh(0.5 / half)
    assert shift[0].item() == pytest.approx(3.8, abs=0.01) and shift[1].isnan()


def test_ties_round_to_even_in_sigmoid_and_up_in_symmetric():
    zero = torch.zeros(1, 2)
    for bound, digits in {"sigmoid": (4, 2), "symmetric": (4, 3)}.items():  # of 3.5 and 2.5
        assert build([8, 6], bound).encode(zero).tolist() == [digits[0] + 8 * digits[1]]


@pytest.mark.parametrize("bound", BOUNDS)
def test_saturated_coordinates_have_less_than_a_fiftieth_of_the_slope(bound):
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None].requires_grad_()
    out = build([5], bound)(z, draws())
    out.z_q.sum().backward()
    flat = (z.grad < 0.0199 * z.grad.max()).double().mean()  # 1 - 0.99^2
    assert 0 < out.stats["saturated"] == flat < 1


def test_training_logs_the_use_of_the_codes():
    z = latents(3)
    out = build()(z, draws())
    assert tuple(out.stats) == FSQ.logged
    assert out.stats["used"] == len(out.index.unique()) / 240
    assert build().eval()(z, draws()).stats == {}


def test_values_that_cannot_work_are_named():
    with pytest.raises(ValueError, match=r"levels=\[2, 5\]: bound=tanh needs at least 3"):
        build([2, 5])
    with pytest.raises(ValueError, match="whole numbers"):
        build([8.5])
    with pytest.raises(ValueError, match="mode=soft"):
        build(mode="soft")
    assert build([2, 2], "symmetric").num_codes == 4
