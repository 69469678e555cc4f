"""Facts about the training curves."""

import pytest

from kexue_pipe.chart import training_curve


def test_accuracy_is_drawn_only_for_tasks_that_can_be_solved(tables, knobs_of):
    frame = training_curve.data(tables, **knobs_of("training_curve"))
    panels = set(frame.select("task", "measure").unique().rows())
    assert panels == {
        ("codes", "loss"),
        ("patches", "loss"),
        ("recall", "accuracy"),
        ("recall", "loss"),
        ("repeat", "accuracy"),
        ("repeat", "loss"),
        ("text", "loss"),
    }


def test_thinning_keeps_the_last_step(tables, knobs_of):
    frame = training_curve.data(tables, **knobs_of("training_curve") | {"points": 5})
    line = frame.filter(task="text", suffix="")
    assert sorted(line["step"]) == [80, 160, 240, 320, 400]
    assert line.filter(step=400)["mean"].item() == pytest.approx(4 * 0.99**400)
