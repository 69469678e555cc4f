import math

import pytest
import torch

from kexue_pipe.metric.n_eff import n_eff
from kexue_pipe.metric.pmax import pmax
from kexue_pipe.metric.pr import pr
from kexue_pipe.metric.s12 import s12


def test_endpoints(measure, uniform, one_hot):
    assert measure(pr, uniform).item() == pytest.approx(13, abs=1e-12)
    assert measure(pr, one_hot).item() == 1.0


def test_geometric_row_has_the_closed_form(measure, geometric):
    # (1 + lam) / (1 - lam) at lam = 0.9
    assert measure(pr, geometric).item() == pytest.approx(19, abs=1e-9)


def test_stands_between_the_other_supports(measure, random_rows):
    value = measure(pr, random_rows)
    assert torch.all(measure(pmax, random_rows).reciprocal() <= value)
    assert torch.all(value <= measure(n_eff, random_rows))


def test_is_the_square_of_s12_times_the_length(measure, random_rows):
    expected = 11 * measure(s12, random_rows).square()
    torch.testing.assert_close(measure(pr, random_rows), expected, rtol=0, atol=1e-12)


def test_unit_normal_scores(measure, lognormal):
    share = measure(pr, lognormal).item() / 2**17
    assert share == pytest.approx(math.exp(-1), rel=0.02)
