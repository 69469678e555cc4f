import pytest
import torch

from kexue_pipe.attention.discretisation.bilinear import Bilinear
from kexue_pipe.attention.discretisation.zoh import ZeroOrderHold
from kexue_pipe.attention.kernel.s4d import S4D, eigenvalues
from kexue_pipe.core.hippo import legs
from kexue_pipe.core.initialise import initialise

C, N, T = 3, 8, 50


def _kernel(start="lin"):
    kernel = S4D(width=C, state=N, start=start, step_min=0.001, step_max=0.1)
    initialise(kernel, 0)
    return kernel.double()


@pytest.mark.parametrize("rule", [ZeroOrderHold(), Bilinear()], ids=["zoh", "bilinear"])
@pytest.mark.parametrize("start", ["lin", "inv", "legs", "real"])
def test_kernel_equals_the_recurrence(rule, start):
    """P15: an impulse, pushed through the steps."""
    kernel = _kernel(start)
    state, outputs = kernel.init_state(1), []
    for t in range(T):
        y, state = kernel.step(rule, torch.full((1, C), float(t == 0)), state)
        outputs.append(y[0])
    response = kernel.response(rule, T)
    torch.testing.assert_close(torch.stack(outputs, -1), response, rtol=0, atol=1e-12)


def test_kernel_is_that_of_the_sum_over_conjugate_pairs():
    kernel = _kernel()
    lam = torch.complex(-kernel.log_decay.exp(), kernel.frequency)
    c, h = torch.view_as_complex(kernel.readout), kernel.log_step.exp()
    for channel in range(C):
        a = torch.cat((lam[channel], lam[channel].conj()))
        weight = torch.cat((c[channel], c[channel].conj()))
        slow = [
            (weight * (a * h[channel] * t).exp() * ((a * h[channel]).exp() - 1) / a).sum()
            for t in range(T)
        ]
        response = kernel.response(ZeroOrderHold(), T)[channel]
        torch.testing.assert_close(torch.stack(slow).real, response, rtol=0, atol=1e-12)


def test_starts_are_those_of_the_paper():
    lin = -0.5 + 1j * torch.pi * torch.arange(4, dtype=torch.float64)
    torch.testing.assert_close(eigenvalues("lin", 8), lin)
    inv = [-0.5 + 1j * 8 / torch.pi * (8 / (2 * n + 1) - 1) for n in range(4)]
    torch.testing.assert_close(eigenvalues("inv", 8), torch.tensor(inv, dtype=torch.complex128))
    a, v = (torch.from_numpy(part) for part in legs(8))
    normal = torch.linalg.eigvals(a + v.outer(v) / 2)
    expected = sorted(normal[normal.imag > 0].imag.tolist())
    found = sorted(eigenvalues("legs", 8).imag.tolist())
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected))


def test_steps_are_log_uniform():
    kernel = S4D(width=4096, state=2, start="lin", step_min=0.001, step_max=0.1)
    initialise(kernel, 0)
    steps = kernel.log_step.exp()
    assert steps.min() > 0.001 and steps.max() < 0.1
    assert abs((steps < 0.01).double().mean() - 0.5) < 0.03
