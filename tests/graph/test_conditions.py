"""Conditions in yaml: arithmetic over the numbers of a configuration, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kexue_pipe.graph.conditions import holds
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant

NAMES = {"a": 2, "b": 0.5, "none": None, "flag": True, "node": {"inner": {"c": 7}}, "T": 64}


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("a < 3", True),
        ("1 < a <= 2", True),
        ("a + b * 2 - 1 == 2", True),
        ("T / a > 32", False),
        ("node.inner.c == 7", True),
        ("none is None or none > 1", True),
        ("none is not None and none > 1", False),
        ("not flag", False),
        ("min(a, b) == b and max(a, 9) == 9", True),
        ("-a < 0", True),
    ],
)
def test_conditions_read_as_python_does(condition, expected):
    assert holds(condition, NAMES) is expected


@pytest.mark.parametrize(
    "condition",
    ["c < 1", "node.x < 1", "a.b < 1", "open('x') < 1", "[a] < 1", "a ** 9 < 1", "a <", "f(a) > 1"],
)
def test_what_is_no_condition_is_refused_with_its_text(condition):
    with pytest.raises(Refused, match="_holds_"):
        holds(condition, NAMES)


@given(st.text(max_size=30))
def test_no_text_runs_or_crashes(text):
    try:
        holds(text, {})
    except (Refused, TypeError, ZeroDivisionError):
        pass


def test_a_variant_that_breaks_a_condition_is_refused_with_its_reason():
    with pytest.raises(Refused, match="position: .* has no row; .* must hold"):
        variant(["position=learned", "task.evaluate.lengths=[64,4096]"])
    variant(["position=learned", "task.evaluate.lengths=[64,2048]"])
