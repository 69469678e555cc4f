"""The chunked recurrence equals the one that is written down token by token."""

import pytest
import torch

from kexue_pipe.attention.update.delta import Delta
from kexue_pipe.core.linear_chunks import Stream, cut, mix, rows

B, H, F, D = 2, 3, 8, 5
DECAYS = {"none": None, "scalar": 1, "vector": F}


def draw(T, decay, delta, dtype=torch.float64, drop=0.3):
    """Queries and a stream; log decays are -drop times an exponential variable."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(B, H, T, *shape, generator=generator, dtype=torch.float64)

    q, k, v = normal(F), normal(F), normal(D)
    log = None if decay is None else (-drop * normal(decay).square()).to(dtype)
    strength = normal(1).sigmoid().to(dtype) if delta else None
    k = torch.nn.functional.normalize(k, dim=-1) if delta else k
    solve = Delta(width=1, num_heads=H, beta_max=1.0).solve if delta else None
    return q.to(dtype), Stream(k.to(dtype), v.to(dtype), log, strength, solve)


def recurrent(q, stream):
    """The definition: one outer product per token."""
    state, mixed = q.new_zeros(*q.shape[:2], q.shape[-1], stream.v.shape[-1]), []
    for t in range(q.shape[2]):
        k, v = stream.k[:, :, t], stream.v[:, :, t]
        if stream.decay is not None:
            state = state * stream.decay[:, :, t].exp()[..., None]
        if stream.strength is not None:
            v = stream.strength[:, :, t] * (v - torch.einsum("bhfd,bhf->bhd", state, k))
        state = state + k[..., None] * v[..., None, :]
        mixed.append(torch.einsum("bhfd,bhf->bhd", state, q[:, :, t]))
    return torch.stack(mixed, 2)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("delta", [False, True], ids=["additive", "delta"])
@pytest.mark.parametrize("size", [None, 1, 7, 16, 45, 100])
def test_any_chunk_size_is_the_recurrence(decay, delta, size):
    q, stream = draw(45, DECAYS[decay], delta)
    torch.testing.assert_close(mix(q, stream, size), recurrent(q, stream), rtol=0, atol=1e-12)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("delta", [False, True], ids=["additive", "delta"])
@pytest.mark.parametrize("T", [1, 2, 31, 64, 65, 193])
def test_any_length_is_the_recurrence(decay, delta, T):
    q, stream = draw(T, DECAYS[decay], delta)
    torch.testing.assert_close(mix(q, stream), recurrent(q, stream), rtol=0, atol=1e-12)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("delta", [False, True], ids=["additive", "delta"])
def test_rows_of_any_queries_are_what_values_are_multiplied_with(decay, delta):
    q, stream = draw(45, DECAYS[decay], delta)
    expected = recurrent(q, stream)
    for index in (torch.arange(45), torch.tensor([44, 3, 17]), torch.tensor([0])):
        for size in (7, 16, 64):
            weights = rows(q[:, :, index], index, cut(stream, size))
            mixed = weights @ stream.v[:, :, : weights.shape[-1]]
            torch.testing.assert_close(mixed, expected[:, :, index], rtol=0, atol=1e-12)


@pytest.mark.parametrize("delta", [False, True], ids=["additive", "delta"])
def test_rows_are_what_unit_values_show(delta):
    """Whatever the rule, it is linear in the values: v = 1 on the diagonal gives the matrix."""
    q, stream = draw(45, 1, delta)
    matrix = recurrent(q, stream._replace(v=torch.eye(45).double().expand(B, H, 45, 45)))
    shown = rows(q, torch.arange(45), cut(stream))
    torch.testing.assert_close(shown, matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize("decay", ["scalar", "vector"])
@pytest.mark.parametrize("delta", [False, True], ids=["additive", "delta"])
@pytest.mark.parametrize("drop", [4.0, 300.0])
def test_strong_decays_stay_exact_in_float32(decay, delta, drop):
    """Factors exp(-b) would overflow: here b falls by thousands within a chunk."""
    q, stream = draw(193, DECAYS[decay], delta, torch.float32, drop)
    q.requires_grad_(), stream.k.requires_grad_(), stream.decay.requires_grad_()
    mixed = mix(q, stream)
    expected = recurrent(*draw(193, DECAYS[decay], delta, torch.float64, drop))
    torch.testing.assert_close(mixed.double(), expected, rtol=0, atol=1e-5)
    mixed.square().sum().backward()
    assert all(part.grad.isfinite().all() for part in (q, stream.k, stream.decay))


@pytest.mark.parametrize("decay", ["scalar", "vector"])
def test_a_long_sequence_loses_no_digits_of_the_decay(decay):
    """A float32 sum of 2 ** 15 log decays would put 64 tokens wrong by a thousandth and more."""
    torch.manual_seed(0)
    T, G = 2**15, {"scalar": 1, "vector": 2}[decay]
    q, k, v = torch.rand(3, 1, 1, T, 2)
    log = -2 * torch.rand(1, 1, T, G)
    last = slice(T - 64, T)
    mixed = mix(q, Stream(k, v, log))[:, :, last]
    exact = mix(q.double(), Stream(k.double(), v.double(), log.double()))[:, :, last]
    assert ((mixed - exact) / exact).abs().max() < 1e-5


@pytest.mark.parametrize("decay", [1, F])
def test_a_decay_of_one_is_no_decay(decay):
    q, stream = draw(100, None, False)
    kept = torch.zeros(B, H, 100, decay, dtype=torch.float64)
    expected = (q @ stream.k.mT).tril() @ stream.v
    for log in (None, kept):
        mixed = mix(q, stream._replace(decay=log))
        torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("delta", [False, True], ids=["additive", "delta"])
def test_gradients_are_those_of_the_recurrence(decay, delta):
    q, stream = draw(37, DECAYS[decay], delta)
    leaves = [q, *(part for part in stream[:4] if part is not None)]
    for leaf in leaves:
        leaf.requires_grad_()
    weight = torch.randn(B, H, 37, D, generator=torch.Generator().manual_seed(1)).double()
    chunked = torch.autograd.grad((mix(q, stream, 8) * weight).sum(), leaves)
    slow = torch.autograd.grad((recurrent(q, stream) * weight).sum(), leaves)
    for ours, expected in zip(chunked, slow, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-11)
