import pytest
import torch

from kexue_pipe.metric.dist_mean import dist_mean


def test_endpoints(measure, uniform, one_hot):
    assert measure(dist_mean, uniform).item() == pytest.approx(6, abs=1e-12)
    assert measure(dist_mean, one_hot).item() == 12 - 4


def test_geometric_row_has_the_closed_form(measure, geometric):
    # lam / (1 - lam) at lam = 0.9
    assert measure(dist_mean, geometric).item() == pytest.approx(9, abs=1e-9)


def test_distances_start_at_the_query_of_each_row(measure):
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    values = measure(dist_mean, mask.double(), mask, torch.arange(5))
    assert values[1:].tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0])
