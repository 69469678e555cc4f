"""Facts about rate and distortion."""

from math import inf

import pytest

from kexue_pipe.chart import rate_distortion


def test_psnr_and_both_rates_by_hand(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    row = frame.filter(split="test", suffix="quantizer=fsq").row(0, named=True)
    # 256 tokens of log2 64 = 6 bits over 4096 pixels; entropy log2 16 = 4 bits per token
    assert row["nominal"] == pytest.approx(6 * 256 / 4096)
    assert row["entropy"] == pytest.approx(4 * 256 / 4096)
    # seeds 23.9, 24.0, 24.1 dB: s = 0.1, half = 4.3027 * 0.1 / sqrt(3)
    assert row["mean"] == pytest.approx(24.0)
    assert row["high"] - row["mean"] == pytest.approx(0.24841, abs=1e-4)


def test_a_continuous_bottleneck_has_no_rate(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    row = frame.filter(split="test", suffix="").row(0, named=True)
    assert row["continuous"] and row["nominal"] == inf and row["entropy"] is None


def test_the_picture_outside_the_domain_has_its_own_panel(tables, knobs_of):
    frame = rate_distortion.data(tables, **knobs_of("rate_distortion"))
    assert set(frame["split"]) == {"test", "camera"}
