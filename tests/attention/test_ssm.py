import pytest
import torch
from torch.nn.functional import gelu

from kexue_pipe.attention.discretisation.zoh import ZeroOrderHold
from kexue_pipe.attention.kernel.s4d import S4D
from kexue_pipe.attention.ssm import StateSpace
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.initialise import initialise

B, T, C = 2, 37, 5
POS, NONE = torch.arange(T), Position()


def _attention():
    kernel = S4D(width=C, state=8, start="lin", step_min=0.01, step_max=0.5)
    attention = StateSpace(width=C, kernel=kernel, discretisation=ZeroOrderHold())
    initialise(attention, 0)
    return attention.double()


def _x(length=T):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(B, length, C, generator=generator, dtype=torch.float64)


def _mixed(attention, y):
    first, second = attention.out.weight.chunk(2)
    return (gelu(y) @ first.T) * (gelu(y) @ second.T).sigmoid()


@pytest.mark.parametrize("length", [1, 2, 31, 37, 64])
def test_equals_the_sum_over_the_past(length):
    attention, x = _attention(), _x(length)
    kernel = attention.kernel.response(attention.discretisation, length)
    y = attention.skip.gain * x
    for i in range(length):
        for j in range(i + 1):
            y[:, i] += kernel[:, i - j] * x[:, j]
    expected = _mixed(attention, y)
    mixed = attention(x, torch.arange(length), NONE)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)


def test_last_rows_are_those_of_the_whole():
    attention, x = _attention(), _x()
    whole = attention(x, POS, NONE)
    torch.testing.assert_close(attention.last_rows(x, POS, NONE, 4), whole[:, -4:])


def test_nothing_wraps_around():
    attention, x = _attention(), _x()
    x[:, : T // 2] = 0
    assert attention(x, POS, NONE)[:, : T // 2].abs().max() < 1e-15


def test_float32_is_as_exact_as_its_fft():
    attention, x = _attention(), _x(1024)
    exact = attention(x, torch.arange(1024), NONE)
    short = attention.float()(x.float(), torch.arange(1024), NONE)
    assert (short - exact).abs().max() < 2e-5 * exact.abs().max()


def test_rows_are_toeplitz_and_signed():
    (rows,) = _attention().row_blocks(_x(), POS, NONE, POS)
    weights = rows.weights[0]  # (C, T, T)
    assert torch.equal(weights[:, 1:, 1:], weights[:, :-1, :-1])
    assert (weights < 0).any() and not rows.row_stochastic


def test_parameters_and_state():
    attention = _attention()
    # GLU 2 C^2, skip C, and per channel a step, N/2 dampings and frequencies, N/2 complex weights
    assert sum(p.numel() for p in attention.parameters()) == 2 * C * C + C + C * (1 + 4 + 4 + 8)
    assert (attention.cache_elements_per_token(), attention.state_elements()) == (0, 8 * C)
