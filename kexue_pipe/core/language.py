"""The language of the report: English sentences are keys, `language_zh` says their Chinese.

One file is for the page, one for its charts, one for claims, one for the cards of each group. What
has no translation stays English.
"""

import re
from functools import cache
from pathlib import Path

import yaml

LANGUAGES = ("en", "zh")


class Language:
    """A function from an English sentence to the sentence in a language."""

    def __init__(self, code: str = "en") -> None:
        if code not in LANGUAGES:
            raise ValueError(f"language={code} is none of {', '.join(LANGUAGES)}")
        self.code = code
        self.known = _sentences(code)
        places = [(key, text) for key, text in self.known.items() if "{x}" in key]
        self.patterns = [(_pattern(key), text) for key, text in places]

    def __call__(self, text: str, **words: object) -> str:
        """Translate a sentence and put words into its places."""
        translated = self.known.get(text) or self._filled(text)
        return translated.format(**words) if words else translated

    def title(self, text: str) -> str:
        """Translate a title of a chart, as a whole or piece by piece: `loss (bits per code)`."""
        pieces = [text] if text in self.known else re.split(r"(, |: | \(|\))", text)
        return "".join(map(self, pieces))

    def _filled(self, text: str) -> str:
        """Translate a sentence whose key has places for other words, as `layer {x}` has."""
        for pattern, translated in self.patterns:
            if found := pattern.fullmatch(text):
                return translated.format(**{k: self(v) for k, v in found.groupdict().items()})
        return text


def _pattern(key: str) -> re.Pattern[str]:
    """Make a pattern of a key: a place of one letter takes a word, one with a name some words."""
    pattern = re.sub(r"\\\{(\w)\\\}", r"(?P<\1>\\S+)", re.escape(key))
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", pattern))


@cache
def _sentences(code: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for path in sorted(Path(__file__).with_name(f"language_{code}").glob("*.yaml")):
        known |= yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return known
