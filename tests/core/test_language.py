import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from kexue_pipe.core.language import Language
from kexue_pipe.graph.ledger import ledger
from kexue_pipe.page import cards

FILES = cards.ROOT / "kexue_pipe/core/language_zh"


def keys(name: str) -> list[str]:
    """Give the English of a file of translations, as it stands there."""
    text = (FILES / f"{name}.yaml").read_text(encoding="utf-8")
    return [key.value for key, _ in yaml.compose(text, yaml.CSafeLoader).value]


def texts(path: Path) -> list[str]:
    """Give all that a card says."""
    said: list[str] = []

    def say(text: str) -> str:
        said.append(text)
        return text

    card = cards.card(path, say)
    return [card.sentence, *said, *(comment for *_, comment in card.parameters)]


def is_prose(text: str) -> bool:
    """Tell what has words, beside formulas, code, titles and places in brackets."""
    plain = re.sub(r'"[^"]*"|\([^)]*\)|`[^`]*`', "", text)
    return not cards.is_formula(text) and bool(re.search(r"\b(?!et\b|al\b)[a-z]{2,}\b", plain))


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


def test_a_sentence_stands_in_one_file_and_once():
    counts = Counter(key for path in FILES.glob("*.yaml") for key in keys(path.stem))
    assert not [key for key, count in counts.items() if count > 1]


@pytest.mark.parametrize("group", cards.GROUPS)
def test_a_card_is_wholly_in_chinese_or_not_at_all(group):
    known, said, missing = Language("zh").known, set(), []
    for path in sorted((cards.ROOT / "conf" / group).rglob("*.yaml")):
        sentence, *rest = texts(path)
        said |= {sentence, *rest}
        if sentence in known:
            missing += [text for text in rest if text not in known and is_prose(text)]
    file = f"kexue_pipe/core/language_zh/{group}.yaml"
    assert not missing, f"{file} lacks these texts of cards: {missing}"
    stale = sorted({*keys(group)} - said)
    assert not stale, f"{file} translates what no card says, mend or delete it: {stale}"


def test_only_what_a_claim_says_is_translated_as_a_claim():
    stale = {*keys("claims")} - {str(v) for claim in ledger().values() for v in claim.values()}
    assert not stale, f"language_zh/claims.yaml translates what no claim says: {sorted(stale)}"


def test_reasons_are_those_of_components_in_the_sentences_around_them():
    nodes = "".join(path.read_text() for path in cards.ROOT.glob("conf/**/*.yaml"))
    stale = {key for key in keys("reasons") if "{x}" not in key and f'"{key}"' not in nodes}
    assert not stale, f"language_zh/reasons.yaml translates what no _needs_ says: {sorted(stale)}"
    reason = "attention=ssm does not go with position=rope, task=text: it is made of pictures"
    said = "attention=ssm 不能与 position=rope, task=text 并用：它由图片组成"
    assert Language("zh")(reason) == said


def test_a_translation_keeps_the_code():
    for english, chinese in Language("zh").known.items():
        code = [sorted(re.findall(r"`[^`]+`", text)) for text in (english, chinese)]
        assert code[0] == code[1], english
