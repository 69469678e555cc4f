import math

import pytest
import torch

from kexue_pipe.metric.s12 import s12


def test_endpoints(measure, uniform, one_hot):
    assert measure(s12, uniform).item() == pytest.approx(1, abs=1e-12)
    assert measure(s12, one_hot).item() == pytest.approx(13**-0.5, abs=1e-12)


def test_is_mean_size_over_root_mean_square_of_signed_rows(measure):
    a = torch.randn(5, 7, generator=torch.manual_seed(3), dtype=torch.float64)
    expected = a.abs().mean(-1) / a.square().mean(-1).sqrt()
    torch.testing.assert_close(measure(s12, a), expected, rtol=0, atol=1e-12)


def test_is_the_cosine_between_a_row_and_its_signs(measure):
    a = torch.randn(5, 7, generator=torch.manual_seed(4), dtype=torch.float64)
    expected = torch.cosine_similarity(a, a.sign(), dim=-1)
    torch.testing.assert_close(measure(s12, a), expected, rtol=0, atol=1e-12)


def test_unit_normal_scores(measure, lognormal):
    assert measure(s12, lognormal).item() == pytest.approx(math.exp(-0.5), rel=0.02)
