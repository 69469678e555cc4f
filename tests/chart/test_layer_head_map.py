"""Facts about the map of layers and heads."""

from math import log

import pytest

from kexue_pipe.chart import layer_head_map


def test_heads_are_sorted_within_a_seed_before_seeds_are_averaged(tables, knobs_of):
    frame = layer_head_map.data(tables, **knobs_of("layer_head_map"))
    cells = frame.filter(task="text", label="position=alibi", metric="entropy", layer=1)
    # N = 64 lies in the bin [64, 128); head `swapped` holds 0.2 (swapped + 1) of 6.5 log 2
    expected = [share * 6.5 * log(2) for share in (0.8, 0.6, 0.4, 0.2)]
    assert cells.sort("rank")["mean"].to_list() == pytest.approx(expected)
    assert set(cells["k"]) == {3}
