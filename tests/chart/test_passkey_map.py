"""Facts about recall by depth."""

import polars as pl

from kexue_pipe.chart import passkey_map


def test_depth_and_length_of_documents_that_are_drawn_for_their_length(tables, knobs_of):
    frame = passkey_map.data(tables, **knobs_of("passkey_map"))
    cells = frame.filter(name="rope · softmax + rerope")
    assert cells.height == 5 * 10  # lengths by tenths
    assert set(cells.filter(length=1024)["mean"].round(6)) == {0.95}
    assert set(frame.filter("edge")["length"]) == {128}
    assert set(frame.filter("beyond")["length"]) == {128, 256, 512, 1024}


def test_documents_that_all_end_alike_have_no_map(tables, knobs_of):
    fixed = tables["extrapolation"].with_columns(protocol=pl.lit("fixed"))
    frame = passkey_map.data(tables | {"extrapolation": fixed}, **knobs_of("passkey_map"))
    assert frame.is_empty()
