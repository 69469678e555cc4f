import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete

from kexue_pipe.attention.discretisation.backward import Backward
from kexue_pipe.attention.discretisation.bilinear import Bilinear
from kexue_pipe.attention.discretisation.euler import Euler
from kexue_pipe.attention.kernel.s4 import S4
from kexue_pipe.core.hippo import legs
from kexue_pipe.core.initialise import initialise

C, N = 3, 8


def _kernel(step_max=0.1):
    kernel = S4(width=C, state=N, step_min=0.001, step_max=step_max).double()
    initialise(kernel, 0)
    return kernel


RULES = {"bilinear": Bilinear(), "backward_diff": Backward(), "euler": Euler()}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 256])
def test_kernel_equals_dense_powers(name, length):
    """P15: the matrices of scipy, multiplied one token after the other."""
    kernel = _kernel(0.01 if name == "euler" else 0.1)
    response = kernel.response(RULES[name], length)
    lam, p, b, c = (part.detach().numpy() for part in kernel.pairs())
    for channel in range(C):
        matrix = np.diag(lam[channel]) - np.outer(p[channel], p[channel].conj())
        system = matrix, b[channel, :, None], np.ones((1, N)), np.zeros((1, 1))
        step = float(kernel.log_step[channel].detach().exp())
        advance, x = cont2discrete(system, step, method=name)[:2]
        dense = []
        for _ in range(length):
            dense.append((c[channel] @ x)[0].real)
            x = advance @ x
        error = response[channel].detach().numpy() - dense
        assert np.abs(error).max() < 1e-10


def test_it_starts_at_the_legs_matrix():
    kernel = _kernel()
    lam, p, b, _ = (part[0].detach().numpy() for part in kernel.pairs())
    a, start = legs(N)
    matrix = np.diag(lam) - np.outer(p, p.conj())
    # the same eigenvalues, and the same response of every power to B
    np.testing.assert_allclose(np.poly(matrix).real, np.poly(a), rtol=1e-6)
    for power in range(N):
        ours = (b.conj() @ np.linalg.matrix_power(matrix, power) @ b).real
        theirs = start @ np.linalg.matrix_power(a, power) @ start
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_kernel_equals_the_recurrence():
    kernel, outputs = _kernel(), []
    state = kernel.init_state(1)
    for t in range(40):
        y, state = kernel.step(Bilinear(), torch.full((1, C), float(t == 0)), state)
        outputs.append(y[0])
    response = kernel.response(Bilinear(), 40)
    torch.testing.assert_close(torch.stack(outputs, -1), response, rtol=0, atol=1e-12)


def test_a_longer_kernel_starts_with_the_shorter():
    kernel = _kernel()
    short, long = kernel.response(Bilinear(), 33), kernel.response(Bilinear(), 200)
    torch.testing.assert_close(long[:, :33], short, rtol=0, atol=1e-12)
