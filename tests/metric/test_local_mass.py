import pytest
import torch

from kexue_pipe.metric.local_mass import local_mass


def test_uniform_row_gives_width_over_length(measure, uniform):
    assert measure(local_mass, uniform, w=4).item() == pytest.approx(4 / 13, abs=1e-12)
    assert measure(local_mass, uniform, w=100).item() == pytest.approx(1, abs=1e-12)


def test_geometric_row_has_the_closed_form(measure, geometric):
    assert measure(local_mass, geometric, w=16).item() == pytest.approx(1 - 0.9**16, abs=1e-9)


def test_width_counts_back_from_the_query_of_each_row(measure):
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    values = measure(local_mass, mask.double(), mask, torch.arange(5), w=2)
    torch.testing.assert_close(values[1:], 2 / torch.arange(2.0, 6).double())
