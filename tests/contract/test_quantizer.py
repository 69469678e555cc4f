"""Every quantizer: codes and values are inverse, evaluation is deterministic, gradients finite."""

from math import prod
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.core.initialise import initialise
from kexue_pipe.graph.plans import component

NAMES = sorted(path.stem for path in Path(__file__).parents[2].glob("conf/quantizer/*.yaml"))
N = 47


@pytest.fixture(params=NAMES)
def build(request, compose_nodes):
    node = component(compose_nodes([f"quantizer={request.param}"])["quantizer"])

    def make(training=False):
        quantizer = instantiate(node)
        initialise(quantizer, 0)
        return quantizer.train(training)

    return make


@pytest.fixture
def quantizer(build):
    return build()


def latents(quantizer, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(N, quantizer.dim_in, generator=generator)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_output_has_the_shapes_and_types_of_the_contract(build):
    for training in (False, True):
        quantizer = build(training)
        z = latents(quantizer)
        out = quantizer(z, draws())
        assert out.z_q.shape == out.q.shape == out.z_in.shape == (N, quantizer.dim)
        assert out.sample is None or out.sample.shape == (N, quantizer.dim)
        assert out.aux.shape == () and out.aux.isfinite()
        assert out.index.dtype == torch.int64 and len(out.index) == N
        assert not out.q.requires_grad


def test_evaluation_gives_the_hard_value_twice_and_changes_nothing(quantizer):
    z = latents(quantizer)
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    first, second = quantizer(z, draws(0)), quantizer(z, draws(1))
    assert torch.equal(first.z_q, second.z_q)
    assert torch.equal(first.z_q, first.q)
    assert all(torch.equal(v, before[k]) for k, v in quantizer.state_dict().items())


def test_decoded_code_is_the_hard_value(quantizer):
    if not quantizer.num_codes:
        pytest.skip("there is no code")
    z = latents(quantizer)
    index = quantizer.encode(z)
    assert torch.equal(quantizer.decode(index), quantizer(z, draws()).q)


def test_codes_are_in_the_book_and_differ_in_value(quantizer):
    if not quantizer.num_codes:
        pytest.skip("there is no code")
    codes = quantizer.encode(2 * torch.randn(20_000, quantizer.dim, generator=draws()))
    assert 0 <= codes.min() and codes.max() < quantizer.num_codes
    assert quantizer.dim_in == quantizer.dim
    values = quantizer.decode(torch.arange(quantizer.num_codes))
    assert len(values.unique(dim=0)) == quantizer.num_codes


def test_factors_multiply_to_the_number_of_codes(quantizer):
    assert prod(quantizer.digits) == max(quantizer.num_codes, 1)


def test_permuted_tokens_give_permuted_values(build):
    quantizer = build()
    z, order = latents(quantizer), torch.randperm(N, generator=draws())
    assert torch.equal(quantizer(z[order], draws()).z_q, quantizer(z, draws()).z_q[order])


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e4])
def test_gradients_are_finite_at_extreme_latents(build, scale):
    quantizer = build(training=True)
    quantizer(latents(quantizer), draws())  # a table from data is in place
    z = (latents(quantizer, 1) * scale).requires_grad_()
    out = quantizer(z, draws())
    (out.z_q.square().sum() + out.aux).backward()
    tensors = [z, *quantizer.parameters()]
    assert all(t.grad is not None and t.grad.isfinite().all() for t in tensors)


def test_training_is_a_function_of_the_generator(build):
    outputs = []
    for _ in range(2):
        quantizer = build(training=True)
        outputs.append(quantizer(latents(quantizer), draws(5)).z_q)
    assert torch.equal(*outputs)


def test_state_is_restored_bit_for_bit(build):
    trained, fresh = build(training=True), build(training=True)
    z = latents(trained)
    trained(z, draws())
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(z, draws(9)).index, trained(z, draws(9)).index)


def test_gradient_reaches_the_latents(build):
    quantizer = build(training=True)
    z = latents(quantizer).requires_grad_()
    # at the start: a temperature that falls leaves some latents no gradient in float32 at the end
    quantizer(z, draws(), progress=0.0).z_q.sum().backward()
    assert (z.grad != 0).all()
