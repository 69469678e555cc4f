import math

import pytest
import torch

from kexue_pipe.metric.n_eff import n_eff


def test_endpoints(measure, uniform, one_hot):
    assert measure(n_eff, uniform).item() == pytest.approx(13, abs=1e-10)
    assert measure(n_eff, one_hot).item() == 1.0


def test_uniform_over_a_part_counts_the_part(measure):
    assert measure(n_eff, [[0.2] * 5 + [0.0] * 6]).item() == pytest.approx(5, abs=1e-12)


def test_geometric_row_has_the_closed_form(measure, geometric):
    assert measure(n_eff, geometric).item() == pytest.approx(math.exp(3.2508297), rel=1e-6)


def test_lies_between_one_and_the_length(measure, random_rows):
    values = measure(n_eff, random_rows)
    assert torch.all((values > 1) & (values < 11))
