import re
from collections import Counter
from html import unescape
from xml.etree import ElementTree

import pytest

from kexue_pipe.page.cards import GROUPS, ROOT
from kexue_pipe.page.mathml import BIG, GREEK, mathml


def tree(text):
    return ElementTree.fromstring(mathml(text))


def shape(node):
    """Write an element as nested tuples, without the blanks."""
    children = [shape(child) for child in node if child.tag != "mspace"]
    return (node.tag, *children) if children else node.text or ""


def test_subscripts_of_two_letters_are_two_indices_and_words_are_words():
    assert shape(tree("s_ij")) == ("math", ("msub", "s", ("mrow", "i", "j")))
    assert shape(tree("p_max")) == ("math", ("msub", "p", "max"))
    assert shape(tree("z_in")) == ("math", ("msub", "z", "in"))
    assert shape(tree("tau_start")) == ("math", ("msub", "τ", "start"))


def test_a_power_holds_what_its_brackets_hold():
    power = ("msup", "2", ("mrow", "−", "h", "E", "/", "H"))
    assert shape(tree("2^(-h E / H)")) == ("math", power)
    assert shape(tree("k^(D/(D-2))"))[1][2][-4:] == ("D", "−", "2", ")")
    assert shape(tree("2^-E")) == ("math", ("msup", "2", ("mrow", "−", "E")))


def test_scripts_of_a_base_and_of_its_exponent_are_told_apart():
    assert shape(tree("q^h_i")) == ("math", ("msubsup", "q", "i", "h"))
    assert shape(tree("n^r2_h")) == ("math", ("msup", "n", ("msub", "r2", "h")))


def test_roots_and_floors_take_their_whole_argument():
    assert shape(tree("sqrt(a (b + c))")) == ("math", ("msqrt", "a", "(", "b", "+", "c", ")"))
    assert shape(tree("floor(n / (K/2))"))[1][-2:] == (")", "⌋")


def test_a_dot_between_blanks_is_a_product_and_at_the_end_a_full_stop():
    assert shape(tree("q . k"))[2] == "⋅" and shape(tree("v.c"))[2] == "⋅"
    assert shape(tree("n. m"))[2] == "."


@pytest.mark.parametrize("text", ["[0, 1)", ")(", "_", "^", "a_", "x^", "sum_{", "é < <b>", ""])
def test_what_is_no_formula_is_still_well_formed_and_harmless(text):
    assert "".join(tree(text).itertext()) is not None
    assert "<b>" not in mathml(text)


def letters(text):
    """Count the letters and digits, with Greek letters and signs by their names."""
    for name, sign in (*GREEK.items(), *BIG.items(), ("inf", "∞"), ("floor", "⌊")):
        text = text.replace(sign, f" {name} ")
    return Counter(re.findall(r"[^\W_]", text.replace("epsilon", "eps").replace("sqrt", "")))


def formulas():
    """List every indented line of every component's docstring."""
    paths = [p for g in GROUPS for p in (ROOT / "kexue_pipe" / g).rglob("*.py")]
    for path in paths:
        docstring = path.read_text().split('"""')[1:2]
        yield from (line for text in docstring for line in text.splitlines() if line[:4] == "    ")


def test_no_letter_or_digit_of_any_docstring_is_lost_or_invented():
    lines = list(formulas())
    assert len(lines) > 200
    for line in lines:
        said = unescape("".join(tree(line).itertext()))
        assert letters(said) == letters(line), line
