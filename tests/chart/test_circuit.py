"""Facts about the step at which the circuit appears."""

import pytest

from kexue_pipe.chart import circuit


@pytest.fixture
def frame(tables, knobs_of):
    return circuit.data(tables, **knobs_of("circuit")).filter(task="recall")


def test_one_row_for_each_training_and_earliest_first(frame):
    names = frame["label"].unique(maintain_order=True).to_list()
    assert names == ["rope · softmax", "position=alibi", "position.base=100.0", "position=none"]
    assert frame.filter(label="rope · softmax")["circuit_step"].to_list() == [100, 200, 300]


def test_runs_that_never_get_there_are_counted(frame):
    never = frame.select("label", "never", "k").unique().rows()
    assert ("position.base=100.0", 1, 3) in never and ("position=none", 3, 3) in never


def test_whether_the_task_is_solved_is_told_apart(frame):
    assert set(frame.filter("solved")["label"]) == set(frame["label"]) - {"position=none"}


def test_tasks_without_a_threshold_have_no_circuit(tables, knobs_of):
    frame = circuit.data(tables, **knobs_of("circuit"))
    assert set(frame["task"]) == {"recall", "repeat"}
