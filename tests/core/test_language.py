import pytest

from kexue_pipe.core.language import Language


def test_english_is_the_sentence_itself_with_its_words():
    assert Language()("suite {name}", name="x") == "suite x" and Language()("{a}") == "{a}"


def test_chinese_translates_and_keeps_what_it_does_not_know():
    chinese = Language("zh")
    assert chinese("Findings") == "结论" and chinese("A new component.") == "A new component."
    assert chinese("{n} of {all}", n=2, all=3) == "3 中 2"


def test_an_unknown_language_names_the_known_ones():
    with pytest.raises(ValueError, match="none of en, zh"):
        Language("fr")
