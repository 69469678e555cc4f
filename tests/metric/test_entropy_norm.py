import math

import pytest

from kexue_pipe.metric.entropy_norm import entropy_norm


def test_endpoints(measure, uniform, one_hot):
    assert measure(entropy_norm, uniform).item() == pytest.approx(1, abs=1e-12)
    assert measure(entropy_norm, one_hot).item() == 0.0


def test_unit_normal_scores_drift_with_the_length(measure, lognormal):
    # log L - H stays 0.5, so that H / log L = 1 - 0.5 / log L
    short = measure(entropy_norm, lognormal[:, :64]).item()
    assert short == pytest.approx(0.88, abs=0.05)
    long = measure(entropy_norm, lognormal[:, :65536]).item()
    assert long == pytest.approx(1 - 0.5 / math.log(65536), abs=2e-3)
