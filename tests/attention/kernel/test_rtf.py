import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from kexue_pipe.attention.discretisation.none import NoStep
from kexue_pipe.attention.kernel.rtf import RTF

C, N, L = 3, 3, 64
POLES = np.array([0.99, 0.97, -0.9])


def _kernel(stability="none"):
    kernel = RTF(width=C, state=N, length=L, stability=stability).double()
    with torch.no_grad():
        kernel.denominator.copy_(torch.from_numpy(np.poly(POLES)[1:]))
        kernel.numerator.copy_(torch.randn(C, N, generator=torch.Generator().manual_seed(0)))
    return kernel


def _recursion(kernel, length):
    state, outputs = kernel.init_state(1), []
    for t in range(length):
        y, state = kernel.step(NoStep(), torch.full((1, C), float(t == 0)), state)
        outputs.append(y[0])
    return torch.stack(outputs, -1)


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 300])
def test_every_length_is_the_recursion_with_the_corrected_readout(length):
    kernel = _kernel()
    response = kernel.response(NoStep(), length)
    torch.testing.assert_close(response, _recursion(kernel, length), rtol=0, atol=1e-10)


def test_the_corrected_readout_is_a_filter_of_scipy():
    kernel = _kernel()
    a = np.concatenate(([1.0], kernel.denominator[0].detach()))
    impulse = np.eye(1, 300)[0]
    expected = lfilter(kernel._readout()[0].detach().numpy(), a, impulse)
    np.testing.assert_allclose(kernel.response(NoStep(), 300)[0].detach(), expected, atol=1e-10)


def test_uncorrected_it_is_another_filter_at_another_length():
    """The trap: with these poles, what is folded in at 64 tokens is larger than the kernel."""
    kernel = _kernel()
    trained, longer = kernel.folded(kernel.numerator, L), kernel.folded(kernel.numerator, 512)
    assert (longer[:, :L] - trained).norm() > 0.5 * trained.norm()
    exact = kernel.response(NoStep(), 512)[:, :L]
    torch.testing.assert_close(exact, trained, rtol=0, atol=1e-10)


def test_bounded_denominators_have_their_poles_inside_the_unit_circle():
    kernel = _kernel("l1")
    with torch.no_grad():
        kernel.denominator.copy_(torch.randn(C, N, generator=torch.Generator().manual_seed(2)) * 9)
        kernel.denominator[0] = torch.tensor([-9.0] + (N - 1) * [0.0])  # would have a pole at 1
    for a in kernel._a().detach():
        assert np.abs(np.roots(np.concatenate(([1.0], a)))).max() < 1
    assert kernel.response(NoStep(), L).abs().max() < 2 * L * N
    small = torch.full((C, N), 0.1, dtype=torch.float64)
    kernel.denominator.data = small
    assert torch.equal(kernel._a(), small)


def test_k0_is_the_first_coefficient():
    kernel = RTF(width=C, state=N, length=L, stability="l1").double()
    with torch.no_grad():
        kernel.numerator.copy_(torch.tensor([3.0, 2.0, 1.0]))
    expected = torch.tensor([3.0, 2.0, 1.0, 0.0], dtype=torch.float64).expand(C, 4)
    torch.testing.assert_close(kernel.response(NoStep(), L)[:, :4], expected, rtol=0, atol=1e-12)
