import pytest
import torch

from kexue_pipe.metric.dist_ratio import dist_ratio


def test_uniform_attention_has_ratio_one_in_any_window(measure, uniform):
    mask = torch.ones(13, 13, dtype=torch.bool).tril().triu(-4)
    values = measure(dist_ratio, mask.double(), mask, torch.arange(13))
    torch.testing.assert_close(values[1:], torch.ones(12).double(), rtol=0, atol=1e-12)
    assert measure(dist_ratio, uniform).item() == pytest.approx(1, abs=1e-12)


def test_endpoints_are_the_query_and_the_first_token(measure):
    assert measure(dist_ratio, torch.eye(9)[[8, 0]]).tolist() == [0.0, 2.0]
