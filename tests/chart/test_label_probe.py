"""Facts about labels that are read from codes."""

import polars as pl
import pytest

from kexue_pipe.chart import label_probe


def test_accuracies_by_hand_in_the_order_of_what_is_lost(tables, knobs_of):
    frame = label_probe.data(tables, **knobs_of("label_probe"))
    rows = frame.filter(pl.col("seed").is_null(), label="quantizer=vq")
    means = dict(rows.select("measure", "mean").rows())
    assert means == pytest.approx({"pixels": 0.96, "latents": 0.86, "values": 0.76, "codes": 0.66})
    assert [*means] == ["pixels", "latents", "values", "codes"]
    # s = 0.01, half = 4.3027 * 0.01 / sqrt(3)
    assert (rows["high"] - rows["mean"]).to_list() == pytest.approx([0.024841] * 4, abs=1e-5)


def test_pictures_without_labels_are_not_shown(tables):
    none = {"levels": tables["levels"].filter(pl.col("stream") != "labels")}
    assert label_probe.data(tables | none).is_empty()
