from html import unescape
from pathlib import Path

import pytest

from kexue_pipe.page import cards
from kexue_pipe.page.posts import CONF

CARDS = {card.choice: card for card in cards.cards()}


def test_every_component_has_a_card():
    paths = [path for group in cards.GROUPS for path in (CONF / group).rglob("*.yaml")]
    assert len(CARDS) == len(paths) > 90


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_card_has_a_sentence_and_shows_its_parameters(card):
    path = CONF.joinpath(*card.group.split("."), f"{card.name}.yaml")
    assert card.sentence[-1] in ".:" and "@package" not in card.sentence
    assert all(f"{name.split('.')[-1]}:" in path.read_text() for name, _, _ in card.parameters)
    assert not any(name.startswith("_") or "._" in name for name, _, _ in card.parameters)


def test_a_card_shows_formula_symbols_source_and_departures_apart():
    card = CARDS["position=rope"]
    assert card.body.count('<div class="formula">') == 2
    assert "Departure" in CARDS["attention.feature=dual_softmax"].body
    assert "<table" in card.body and "radians per token" in card.body
    assert "2104.09864" in card.source and "2104.09864" not in card.body
    assert ("base", "10000.0", "ratio that spaces the frequencies; paper: 10000") in card.parameters


def test_cases_stand_in_two_columns_and_their_second_lines_below():
    body = CARDS["quantizer=fsq"].body
    assert body.count('<th scope="row">') == 5
    assert "1/2 if L is even else 0" in unescape(body)


def test_a_preset_shows_its_choices():
    assert CARDS["attention=logn"].parameters[0][:2] == ("scale", "logn")


def test_nested_knobs_carry_their_place():
    names = [name for name, _, _ in CARDS["task=text"].parameters]
    assert {"train.steps", "evaluate.streams"} <= set(names)


def test_docstrings_cannot_write_html(tmp_path: Path):
    assert cards.prose("<script> `<b>` *<i>* x_i<2").count("<script>") == 0
    assert "<b>" not in cards.prose("`<b>`") and "<i>" not in cards.prose("*<i>*")


def test_prose_sets_symbols_and_code():
    assert "<code>base</code>" in cards.prose("with `base` and theta_m")
    assert "<msub><mi>θ</mi><mi>m</mi></msub>" in cards.prose("with `base` and theta_m")
    assert cards.prose("a word, in-range, and/or tau-like") == "a word, in-range, and/or tau-like"
