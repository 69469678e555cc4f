"""Facts about the map of all variants and extensions."""

import pytest

from kexue_pipe.chart import extension_map


@pytest.fixture
def frame(tables, knobs_of):
    return extension_map.data(tables, **knobs_of("extension_map"))


def test_numbers_are_effective_lengths_in_training_lengths(frame):
    # yarn holds up to 128 of N = 64; the window to the longest tested; rerope to 256
    assert dict(frame.filter(task="text").select("extension", "text").rows()) == {
        "none": "1", "window": "≥16", "yarn": "2",
    }  # fmt: skip
    recall = dict(frame.filter(task="recall").select("extension", "text").rows())
    assert recall["rerope"] == "4"  # 0.99, 0.99, 0.98, then 0.97
    assert recall["none"] == "1.3"  # 64, 128, 64: 2^(1/3)


def test_colour_is_the_change_from_the_plain_model_in_range(frame):
    # yarn at 512: 2.9 bits, the plain model at 64: 2.4; the full colour is 1 bit
    row = frame.filter(task="text", extension="yarn").row(0, named=True)
    assert (row["change"], row["tone"]) == (pytest.approx(-0.5), pytest.approx(-0.5))
    assert row["at"] == 512
    row = frame.filter(task="text", extension="none").row(0, named=True)
    assert (row["change"], row["tone"]) == (pytest.approx(-3.2), -1.0)


def test_variants_without_extensions_have_no_row(frame):
    assert set(frame["label"]) == {"rope · softmax"}
