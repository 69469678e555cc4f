import math

import pytest
import scipy.stats
import torch

from kexue_pipe.metric.conc import conc


def test_endpoints(measure, uniform, one_hot):
    assert measure(conc, uniform).item() == pytest.approx(0, abs=1e-12)
    assert measure(conc, one_hot).item() == pytest.approx(math.log(13), abs=1e-12)


def test_is_the_divergence_from_uniform(measure, random_rows):
    flat = torch.full_like(random_rows, 1 / 11)
    expected = torch.from_numpy(scipy.stats.entropy(random_rows, flat, axis=-1))
    torch.testing.assert_close(measure(conc, random_rows), expected, rtol=0, atol=1e-12)


def test_unit_normal_scores_have_conc_one_half_at_any_length(measure, lognormal):
    assert measure(conc, lognormal).item() == pytest.approx(0.5, rel=0.02)
    assert measure(conc, lognormal[:, :4096]).item() == pytest.approx(0.5, rel=0.1)
