import math

import pytest
import torch

from kexue_pipe.metric.hoyer import hoyer
from kexue_pipe.metric.s12 import s12


def test_endpoints(measure, uniform, one_hot):
    assert measure(hoyer, uniform).item() == pytest.approx(0, abs=1e-12)
    assert measure(hoyer, one_hot).item() == pytest.approx(1, abs=1e-12)


def test_follows_from_s12(measure, random_rows):
    expected = math.sqrt(11) * (1 - measure(s12, random_rows)) / (math.sqrt(11) - 1)
    torch.testing.assert_close(measure(hoyer, random_rows), expected, rtol=0, atol=1e-12)


def test_vector_of_the_definition(measure):
    # |x|_1 = 7, |x|_2 = 5, n = 4: (2 - 7/5) / (2 - 1)
    assert measure(hoyer, [[3.0, 0.0, -4.0, 0.0]]).item() == pytest.approx(0.6, abs=1e-12)
