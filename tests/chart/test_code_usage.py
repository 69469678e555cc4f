"""Facts about the use of the code book."""

from math import exp

import pytest

from kexue_pipe.chart import code_usage


def test_shares_by_hand(tables, knobs_of):
    frame = code_usage.data(tables, **knobs_of("code_usage"))
    shares = dict(frame.filter(suffix="quantizer=vq").select("measure", "mean").rows())
    # 32 of 64 codes are used, and exp(H) = 16
    assert shares == {"used": pytest.approx(0.5), "perplexity / K": pytest.approx(0.25)}


def test_too_few_tokens_are_marked_with_what_they_allow(tables, knobs_of):
    row = code_usage.data(tables, **knobs_of("code_usage")).row(0, named=True)
    assert row["truncated"]  # 640 tokens are 10 for each of 64 codes, 20 are asked for
    assert row["attainable"] == pytest.approx(1 - exp(-10))


def test_no_quantizer_has_no_code_book(tables, knobs_of):
    frame = code_usage.data(tables, **knobs_of("code_usage"))
    assert set(frame["label"]) == {"quantizer=fsq", "quantizer=vq"}
