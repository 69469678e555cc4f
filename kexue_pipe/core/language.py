"""The language of the report: English sentences are the keys, `language_zh.yaml` their Chinese.

What has no translation stays English, so a new component or chart needs no other file.
"""

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

    def __call__(self, text: str, **words: object) -> str:
        """Translate a sentence and put words into its places."""
        translated = self.known.get(text, text)
        return translated.format(**words) if words else translated


@cache
def _sentences(code: str) -> dict[str, str]:
    path = Path(__file__).with_name(f"language_{code}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
