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
A file of your own is plain text in UTF-8, or parquet with one document per row of a column `text`,
and may be larger than memory, see `core/corpus.py`; the last 10 % of its bytes are the test part.

Source: the repeated and natural test texts of the posts *Transformer升级之路* 9-12 and 15 (2023).
Departures: bytes instead of word pieces; N is 64 instead of 512.
"""

from functools import cache, cached_property

import numpy as np

from kexue_pipe.core.contracts import IGNORED, Batch
from kexue_pipe.core.corpus import START, Corpus, own_text
from kexue_pipe.core.packaged_text import packaged_text
from kexue_pipe.core.samples import Sample, Sampled

ROOM = 16  # training lengths that a test document has at least


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
        self._places = cache(self._count_places)

    @property
    def vocabulary_size(self) -> int:
        """Give V, the bytes of the training documents and BOS."""
        return len(self._alphabet) + 1

    @property
    def chance(self) -> float:
        """Give the accuracy of a uniform guess."""
        return 1 / self.vocabulary_size

    @property
    def data_hash(self) -> str:
        """Give the SHA-256 of the normalised documents, joined by empty lines."""
        return self._corpus.sha256

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
    def _corpus(self) -> Corpus:
        return packaged_text() if self.path is None else own_text(self.path)

    @cached_property
    def _alphabet(self) -> np.ndarray:
        """Give the sorted bytes of the training documents and `?`, once every split is usable."""
        for split in self._corpus.spans:
            self._places(split, self.train_length * (ROOM if split == "test" else 1))
        return np.union1d(np.flatnonzero(self._corpus.pairs.sum(0)), ord("?"))

    @cached_property
    def _ids(self) -> np.ndarray:
        """Give the token of each byte, (256,)."""
        ids = np.full(256, np.searchsorted(self._alphabet, ord("?")))
        ids[self._alphabet] = np.arange(len(self._alphabet))
        return ids

    @cached_property
    def _pairs(self) -> np.ndarray:
        """Count which token follows which in the training documents, (V, V); BOS follows none."""
        counts = self._corpus.pairs[np.append(self._alphabet, START)][:, self._alphabet]
        return np.pad(counts, ((0, 0), (0, 1)))

    def _window(self, rng: np.random.Generator, length: int, split: str) -> np.ndarray:
        """Draw length + 1 consecutive tokens of one document."""
        room = max(length, ROOM * self.train_length) if split == "test" else length
        ids, places = self._ids, self._places(split, room)
        draw = int(rng.integers(places[-1]))
        d = int(np.searchsorted(places, draw, side="right"))
        last = room + draw - (int(places[d - 1]) if d else 0)  # token of the document; 0 is BOS
        start = int(self._corpus.spans[split][d, 0])
        text = self._corpus.text()[start + max(last - length - 1, 0) : start + last]
        return ids[text] if last > length else np.append(len(self._alphabet), ids[text])

    def _count_places(self, split: str, room: int) -> np.ndarray:
        """Count the places up to each document whose end has `room` tokens before it."""
        sizes = np.diff(self._corpus.spans[split])[:, 0]  # bytes
        places = np.cumsum(np.maximum(sizes + 1 - room, 0))
        if not len(places) or places[-1] == 0:
            raise ValueError(
                f"{self.path or 'the packaged text'}: no document of the {split} part has {room} "
                f"bytes (the longest has {sizes.max(initial=0)}); give a longer one, or "
                f"lower size.train_length or task.evaluate.max_factor"
            )
        return places
