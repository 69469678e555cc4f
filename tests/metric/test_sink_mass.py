import pytest
import torch

from kexue_pipe.metric.sink_mass import sink_mass


def test_uniform_row_gives_m0_over_length(measure, uniform):
    assert measure(sink_mass, uniform, m0=4).item() == pytest.approx(4 / 13, abs=1e-12)


def test_geometric_row_gives_its_last_term(measure, geometric):
    assert measure(sink_mass, geometric[:, -50:], m0=1).item() == pytest.approx(
        0.9**49 * 0.1 / (1 - 0.9**50), rel=1e-12
    )


def test_a_window_that_hides_the_first_token_has_no_sink(measure):
    mask = torch.tensor([[False, True, True]])
    assert measure(sink_mass, [[0.0, 0.5, 0.5]], mask, m0=1).item() == 0.0
