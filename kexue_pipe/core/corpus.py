"""Text as bytes of documents in three splits: of a person's own file, in UTF-8 or parquet.

The file is read as a stream into a file that is mapped, see `kept_data.py`; of a parquet file some
rows of the column `text` are in memory at a time. The last 10 % of its bytes are the test part, the
5 % before them the validation part; a document that a border crosses is cut there.
"""

from array import array
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kexue_pipe.core.kept_data import Index, kept

SPLITS = {"train": (0, 85), "validation": (85, 90), "test": (90, 100)}  # % of the bytes
START = 256  # stands before the first byte of a document
CHUNK, ROWS = 2**22, 64  # bytes of a text, and rows of a parquet file, that are read at once


class Corpus(NamedTuple):
    """The documents of all splits, one after the other."""

    text: Callable[[], np.ndarray]  # (bytes,) uint8, mapped anew so that no page of it stays
    spans: dict[str, np.ndarray]  # of each split, (documents, 2) first byte and byte after the last
    pairs: np.ndarray  # (257, 256) how often a byte follows another, or START, in training
    sha256: str  # of the documents, joined by empty lines


def own_text(path: str) -> Corpus:
    """Give a plain text or parquet file, cut into splits by bytes."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"task.path={path} is no file; give a text or a parquet file")
    content, index = kept(path, _write, __file__)
    spans = {split: index[split] for split in SPLITS}
    return Corpus(_mapped(content), spans, index["pairs"], str(index["hash"]))


def pairs(text: Callable[[], np.ndarray], spans: np.ndarray) -> np.ndarray:
    """Count which byte follows which in documents that stand one after the other, (257, 256)."""
    counts = np.zeros((START + 1) * 256, np.int64)
    first, last = (int(spans[0, 0]), int(spans[-1, 1])) if len(spans) else (0, 0)
    for a in range(first, last, CHUNK):
        b = min(a + CHUNK, last)
        before = np.concatenate([[START], text()[max(a - 1, 0) : b - 1]])[a - b :]
        i, j = np.searchsorted(spans[:, 0], [a, b])
        before[spans[i:j, 0] - a] = START
        counts += np.bincount(before * 256 + text()[a:b], minlength=len(counts))
    return counts.reshape(START + 1, 256)


def _mapped(path: Path) -> Callable[[], np.ndarray]:
    return partial(np.memmap, path, np.uint8, "r")


def _write(path: str, content: Path) -> Index:
    """Write the documents of a file one after the other; give spans, pairs and SHA-256."""
    sizes = array("q", [0])
    with open(content, "wb") as output:
        for document in _documents(path):
            sizes.append(sum(map(output.write, document)))
    ends = np.cumsum(sizes)
    if ends[-1] == 0:
        raise ValueError(f"task.path={path} is empty; give a file with text in it")
    index = {}
    borders = {s: [int(ends[-1]) * percent // 100 for percent in SPLITS[s]] for s in SPLITS}
    points = np.unique(np.concatenate([ends, *borders.values()]))
    for split, (low, high) in borders.items():
        inside = points[(points >= low) & (points <= high)]
        index[split] = np.stack([inside[:-1], inside[1:]], 1)
    index["pairs"] = pairs(_mapped(content), index["train"])
    index["hash"] = np.array(_joined_hash(content, np.diff(points).tolist()))
    return index


def _joined_hash(content: Path, sizes: list[int]) -> str:
    """Hash documents, joined by empty lines."""
    digest = sha256()
    with open(content, "rb") as file:
        for i, size in enumerate(sizes):
            digest.update(b"\n\n" if i else b"")
            for start in range(0, size, CHUNK):
                digest.update(file.read(min(CHUNK, size - start)))
    return digest.hexdigest()


def _documents(path: str) -> Iterator[Iterable[bytes]]:
    """Give each document of a file in pieces."""
    if path.endswith(".parquet"):
        yield from ([text.encode()] for text in _rows(path))
    else:
        yield _pieces(path)


def _pieces(path: str) -> Iterator[bytes]:
    """Give the bytes of a text in UTF-8, without the mark that may stand before it."""
    decoder = getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        if file.read(len(BOM_UTF8)) != BOM_UTF8:
            file.seek(0)
        while True:
            piece = file.read(CHUNK)
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                byte = file.tell() - len(error.object) + error.start
                raise ValueError(
                    f"task.path={path} is not UTF-8 (byte {byte}); convert it, for example with "
                    f"`iconv -f LATIN1 -t UTF-8`"
                ) from error
            if not piece:
                return
            yield piece


def _rows(path: str) -> Iterator[str]:
    """Give the rows of the column `text` of a parquet file, without nulls."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    words = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    reason = "it has no such column"
    try:
        with ParquetFile(path, pre_buffer=False, buffer_size=CHUNK) as file:
            if "text" in file.schema_arrow.names:
                kind = file.schema_arrow.field("text").type
                kind = kind.value_type if pa.types.is_dictionary(kind) else kind
                reason = "" if any(check(kind) for check in words) else f"it holds {kind}"
            if reason:
                raise pa.ArrowInvalid(reason)
            for batch in file.iter_batches(ROWS, columns=["text"]):
                column = batch.column(0).cast(pa.large_string())
                yield from column.drop_null().to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"task.path={path} is no parquet file with a column `text`; write one document per "
            f"row into a column of that name ({str(error).splitlines()[0]})"
        ) from error
