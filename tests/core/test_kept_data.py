"""What is kept of a person's data: made once, made again when damaged, and for the data alone."""

import os
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from kexue_pipe.core import data_hash as hashes
from kexue_pipe.core.data_hash import data_hash
from kexue_pipe.core.kept_data import kept, kept_folder

OLD = (0, 10**18)  # ns


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.txt").write_bytes(b"some data")
    return "data.txt"


@pytest.fixture
def reader(tmp_path):
    """A reader that counts how often it reads, and the file that stands for its source."""
    calls = []

    def write(path, content):
        calls.append(path)
        content.write_bytes(Path(path).read_bytes()[::-1])
        return {"size": np.array(len(calls))}

    (tmp_path / "reader.py").write_text("one")
    return write, str(tmp_path / "reader.py"), calls


def read(data, reader):
    content, index = kept(data, *reader[:2])
    assert content.read_bytes() == Path(data).read_bytes()[::-1]
    return index


def test_data_are_read_once_per_content(data, reader):
    for count, text in (
        (1, b"some data"),
        (1, b"some data"),
        (2, b"other data"),
        (2, b"some data"),
    ):
        Path(data).write_bytes(text)
        read(data, reader)
        assert len(reader[2]) == count
    assert len(list(Path("results/store").iterdir())) == 2


@pytest.mark.parametrize("file", ["content.bin", "index.npz"])
@pytest.mark.parametrize("damage", [None, b"", b"PK nonsense", "flip", "cut"])
def test_what_is_damaged_is_made_again(data, reader, file, damage):
    read(data, reader)
    path = kept_folder(data_hash(data)) / file
    whole = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        flipped = bytes([whole[0] ^ 1]) + whole[1:]
        path.write_bytes({"flip": flipped, "cut": whole[:-1]}.get(damage, damage))
    read(data, reader)
    assert len(reader[2]) == 2


def test_another_reader_reads_again(data, reader):
    read(data, reader)
    Path(reader[1]).write_text("two")
    read(data, reader)
    assert len(reader[2]) == 2 and len(list(Path("results/store").iterdir())) == 1


def test_what_a_killed_process_left_is_cleared_away(data, reader):
    folder = kept_folder(data_hash(data))
    folder.mkdir(parents=True)
    (folder / ".tmp-7.bin").write_bytes(b"half")
    read(data, reader)
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "content.bin", "index.npz"]


def test_two_that_come_at_once_read_once(data, reader):
    threads = [Thread(target=read, args=(data, reader)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reader[2]) == 1


def test_data_that_are_edited_while_they_are_read_are_refused(data, reader):
    def write(path, content):
        Path(path).write_bytes(b"edited")
        return reader[0](path, content)

    with pytest.raises(ValueError, match="task.path=data.txt was edited while it was read"):
        kept(data, write, reader[1])
    read(data, reader)


def test_a_file_is_hashed_again_only_when_it_changed(data, monkeypatch):
    digest = data_hash(data)
    assert not hashes.KNOWN.exists()  # it is too young to be remembered
    monkeypatch.setattr(hashes, "COARSE", -1)
    assert data_hash(data) == digest and hashes.KNOWN.is_file()
    with monkeypatch.context() as patch:
        patch.setattr(hashes, "file_digest", lambda *_: pytest.fail("hashed again"))
        assert data_hash(data) == digest
    for text in (b"same size", b"longer text"):
        Path(data).write_bytes(text)
        os.utime(data, ns=OLD)  # an older time hides nothing
        assert data_hash(data) != digest
    hashes.KNOWN.write_text("[nonsense")
    Path(data).write_bytes(b"some data")
    assert data_hash(data) == digest
