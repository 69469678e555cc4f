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
        self.patterns = [(re.escape(k).replace(r"\{x\}", r"(\S+)"), text) for k, text in places]

    def __call__(self, text: str, **words: object) -> str:
        """Translate a sentence and put words into its places."""
        translated = self.known.get(text) or self._filled(text)
        return translated.format(**words) if words else translated

    def title(self, text: str) -> str:
        """Translate a title of a chart, as a whole or piece by piece: `loss (bits per code)`."""
        pieces = [text] if text in self.known else re.split(r"(, |: | \(|\))", text)
        return "".join(map(self, pieces))

    def _filled(self, text: str) -> str:
        """Translate a sentence whose key has a place for any one word, as `layer {x}` has."""
        for pattern, translated in self.patterns:
            if found := re.fullmatch(pattern, text):
                return translated.format(x=found[1])
        return text


@cache
def _sentences(code: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for path in sorted(Path(__file__).with_name(f"language_{code}").glob("*.yaml")):
        known |= yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return known
