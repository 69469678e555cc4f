"""Facts about the use of the code book."""

from math import exp, log

import polars as pl
import pytest

from kexue_pipe.chart import code_usage
from kexue_pipe.core import theme


def test_shares_by_hand(tables, knobs_of):
    frame = code_usage.data(tables, **knobs_of("code_usage"))
    shares = dict(frame.filter(suffix="quantizer=vq").select("measure", "mean").rows())
    # of 64 codes 32 are used, 16 by more than a stray token, and exp(H) = 16
    assert shares == pytest.approx({"used": 0.5, "over 1 %": 0.25, "perplexity / K": 0.25})


def test_even_use_shows_what_so_few_tokens_allow(tables, knobs_of):
    frame = code_usage.data(tables, **knobs_of("code_usage"))
    even = frame.filter(level="even use")
    assert set(even["measure"]) == {"used", "over 1 %"}
    assert even["mean"].to_list() == pytest.approx([1 - exp(-10)] * 2)


def test_books_with_too_few_tokens_lie_right_of_a_rule(tables, knobs_of):
    knobs = knobs_of("code_usage")
    frame = code_usage.data(tables, **knobs)
    assert set(frame["enough"].drop_nulls()) == {32.0}  # 640 tokens, 20 for each code
    assert "n = 20 K" in str(code_usage.draw(theme.compact(frame), **knobs).to_dict())
    frame = code_usage.data(tables, **knobs | {"min_tokens": 10.0})
    drawn = code_usage.draw(theme.compact(frame), **knobs | {"min_tokens": 10.0}).to_dict()
    assert "n = 10 K" not in str(drawn)


def test_books_of_one_quantizer_are_one_line(tables, knobs_of):
    small, large = "task=patches,quantizer=vq", "task=patches,quantizer.K=256,quantizer=vq"
    codes = tables["codes"].filter(variant=small)
    codes = codes.with_columns(
        variant=pl.lit(large), num_codes=pl.lit(256, pl.Int64), entropy_mm=pl.lit(log(128))
    )
    variants = tables["variants"].filter(variant=small).with_columns(variant=pl.lit(large))
    variants = theme.identify(pl.concat([tables["variants"], variants]))
    more = {"variants": variants, "codes": pl.concat([tables["codes"], codes])}
    frame = code_usage.data(tables | more, **knobs_of("code_usage"))
    line = frame.filter(family="quantizer=vq", measure="perplexity / K")
    assert dict(line.select("num_codes", "mean").rows()) == pytest.approx({64: 0.25, 256: 0.5})


def test_no_quantizer_has_no_code_book(tables, knobs_of):
    frame = code_usage.data(tables, **knobs_of("code_usage"))
    assert set(frame["label"].drop_nulls()) == {"quantizer=fsq", "quantizer=vq"}
