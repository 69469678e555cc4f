import pytest
import torch
from torch.nn.functional import normalize

from kexue_pipe.attention.update.delta import Delta
from kexue_pipe.core.linear_chunks import Stream, mix

D = 16


def draw(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 1, *shape, generator=generator, dtype=torch.float64)


def solve(overlaps, strength):
    return Delta(width=1, num_heads=1, beta_max=1.0).solve(overlaps, strength)


def test_a_key_that_is_written_again_answers_with_its_newest_value():
    keys = torch.linalg.qr(draw(D, D)).Q
    twice, values = torch.cat((keys, keys), dim=2), draw(2 * D, D)
    ones = torch.ones(1, 1, 2 * D, 1, dtype=torch.float64)
    asked = torch.cat((twice, keys), dim=2)
    silent = torch.cat((values, torch.zeros_like(values[:, :, :D])), dim=2)
    strength = torch.cat((ones, 0 * ones[:, :, :D]), dim=2)
    answers = mix(asked, Stream(asked, silent, None, strength, solve))[:, :, 2 * D :]
    torch.testing.assert_close(answers, values[:, :, D:], rtol=0, atol=1e-12)
    added = mix(asked, Stream(asked * strength, silent))[:, :, 2 * D :]
    torch.testing.assert_close(added, values[:, :, :D] + values[:, :, D:], rtol=0, atol=1e-12)


def test_orthonormal_keys_are_added():
    keys, q, v = torch.linalg.qr(draw(D, D)).Q, draw(D, D), draw(D, D)
    ones = torch.ones(1, 1, D, 1, dtype=torch.float64)
    delta, hebbian = mix(q, Stream(keys, v, None, ones, solve)), mix(q, Stream(keys, v))
    torch.testing.assert_close(delta, hebbian, rtol=0, atol=1e-12)


def test_a_step_descends_on_the_error_of_the_answer():
    state, k, v = draw(D, D).requires_grad_(), normalize(draw(1, D), dim=-1), draw(1, D)
    loss = (k @ state - v).square().sum() / 2
    (gradient,) = torch.autograd.grad(loss, state)
    strength = torch.tensor(0.3, dtype=torch.float64)
    stepped = Delta(width=1, num_heads=1, beta_max=1.0).step(state, k, v, strength)
    torch.testing.assert_close(stepped, state - 0.3 * gradient, rtol=0, atol=1e-14)


@pytest.mark.parametrize("beta_max", [1.0, 2.0])
def test_unit_keys_hold_the_state_where_longer_ones_do_not(beta_max):
    delta, keys = Delta(width=1, num_heads=1, beta_max=beta_max), 3 * draw(256, D)
    _, unit = delta.prepare(keys, keys)
    torch.testing.assert_close(unit.norm(dim=-1), torch.ones(1, 1, 256).double())
    strength = torch.full((1, 1, 256, 1), beta_max * 0.9, dtype=torch.float64)
    held, lost = (mix(k, Stream(k, draw(256, D), None, strength, solve)) for k in (unit, keys))
    assert held.abs().max() < 100 and not lost.abs().max() < 1e10


def test_zero_keys_stay_zero():
    zeros = torch.zeros(1, 1, 3, D)
    assert all(
        (unit == 0).all()
        for unit in Delta(width=1, num_heads=1, beta_max=1.0).prepare(zeros, zeros)
    )
