"""Override strings: what is parsed, written and encoded comes back as it was."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kexue_pipe.core.spelling import join_name, split_name
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.request import format_value, parse, parse_override

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
values = scalars | words | st.lists(scalars | words, max_size=4)


def read(text: str) -> object:
    return parse([f"position.base={text}"]).values["position.base"]


@given(values)
def test_a_value_survives_writing_and_reading(value: object) -> None:
    assert read(format_value(value)) == value


@example(",")
@example("[")
@example("it's, [so]\\")
@example(["a,b", "]"])
@given(values)
def test_a_name_survives_encoding_and_is_a_safe_file_name(value: object) -> None:
    parts = ["task=text", f"task.path={format_value(value)}"]
    name = join_name(parts)
    assert split_name(name) == parts
    assert not set(name) & set("/ \\\"'{}*?$\n") and name.isascii()


def test_whole_floats_are_written_as_whole_numbers() -> None:
    assert format_value(500.0) == "500" and format_value(0.5) == "0.5"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("+position.bass=3", "cannot add"),
        ("~position", "cannot add"),
        ("position@here=rope", "packages"),
        ("hydra.run.dir=/tmp", "Hydra's own settings"),
        ("position=rope,alibi", "after -m"),
        ("position.base=range(1,3)", "after -m"),
        ("seeds=4", "stands in no name"),
        ("position.base={a:1}", "a number, a word, null, or a list"),
        ("position", "is no Hydra override"),
        ("position=../../etc", "has no option"),
        ("position=[rope,alibi]", "has no option"),
    ],
)
def test_what_is_no_part_of_a_variant_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as error:
        parse([text])
    assert "\n" not in str(error.value)


def test_a_nested_group_is_recognised_by_its_folder() -> None:
    assert parse(["attention.mask=window"]).choices == {"attention/mask": "window"}
    assert parse(["attention.mask.window=4"]).values == {"attention.mask.window": 4}
    assert parse_override("attention/mask=window").key_or_group == "attention/mask"
