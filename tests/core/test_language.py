import re

import pytest
import yaml

from kexue_pipe.core import cards
from kexue_pipe.core.language import Language
from kexue_pipe.graph.ledger import ledger


def test_english_is_the_sentence_itself_with_its_words():
    assert Language()("suite {name}", name="x") == "suite x" and Language()("{a}") == "{a}"


def test_chinese_translates_and_keeps_what_it_does_not_know():
    chinese = Language("zh")
    assert chinese("Findings") == "结论" and chinese("A new component.") == "A new component."
    assert chinese("{n} of {all}", n=2, all=3) == "3 中 2"


def test_an_unknown_language_names_the_known_ones():
    with pytest.raises(ValueError, match="none of en, zh"):
        Language("fr")


def test_titles_are_translated_piece_by_piece_and_identifiers_stay():
    chinese = Language("zh")
    assert chinese.title("loss (bits per character)") == "损失（比特每字符）"
    assert chinese.title("text, layer 1") == "text，第 1 层"
    assert chinese.title("text, natural documents") == "text，natural 文档"
    assert chinese.title("position=alibi,optimizer.lr=0.1") == "position=alibi,optimizer.lr=0.1"
    assert chinese("about 7 seeds would decide it") == "约 7 个种子可以定论"
    assert Language().title("loss (bits per character)") == "loss (bits per character)"


def test_below_components_stands_only_what_a_card_or_a_claim_says():
    text = (cards.ROOT / "kexue_pipe/core/language_zh.yaml").read_text(encoding="utf-8")
    found = cards.cards()
    said = {card.sentence for card in found} | {c for card in found for *_, c in card.parameters}
    said |= {str(value) for claim in ledger().values() for value in claim.values()}
    stale = set(yaml.safe_load(text.partition("# components")[2].partition("\n")[2])) - said
    assert not stale, f"language_zh.yaml translates what no file of conf/ says: {sorted(stale)}"


def test_a_translation_keeps_the_code():
    for english, chinese in Language("zh").known.items():
        code = [sorted(re.findall(r"`[^`]+`", text)) for text in (english, chinese)]
        assert code[0] == code[1], english
