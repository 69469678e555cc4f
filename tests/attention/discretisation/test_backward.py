import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete

from kexue_pipe.attention.discretisation.backward import Backward


@pytest.mark.parametrize("step", [0.001, 0.3])
def test_equals_scipy(step):
    a = np.array([-0.5 + 3j, -0.1 - 1j, -2.0 + 0j])
    system = np.diag(a), np.ones((3, 1)), np.ones((1, 3)), np.zeros((1, 1))
    expected = cont2discrete(system, step, method="backward_diff")
    advance, gain = Backward().diagonal(torch.from_numpy(step * a))
    np.testing.assert_allclose(advance.numpy(), np.diag(expected[0]), atol=1e-13)
    np.testing.assert_allclose(step * gain.numpy(), expected[1][:, 0], atol=1e-13)
