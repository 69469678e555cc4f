from statistics import NormalDist

import pytest

from kexue_pipe.metric.cover import cover
from kexue_pipe.metric.cover_ratio import cover_ratio


def test_is_the_count_over_the_length(measure, random_rows):
    expected = measure(cover, random_rows, share=0.9) / 11
    assert measure(cover_ratio, random_rows, share=0.9).tolist() == expected.tolist()


def test_unit_normal_scores(measure, lognormal):
    # keys with a score above t hold Phi(1 - t) of the mass and are Phi(-t) of all keys
    normal = NormalDist()
    expected = normal.cdf(normal.inv_cdf(0.9) - 1)
    assert measure(cover_ratio, lognormal, share=0.9).item() == pytest.approx(expected, rel=0.02)
