import pytest

from kexue_pipe.core.files import atomic_path, atomic_write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_arrive_whole_in_a_new_folder(tmp_path):
    atomic_write(tmp_path / "new" / "a.txt", "熵 = 1\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "熵 = 1\n".encode()
    atomic_write(str(tmp_path / "new" / "a.txt"), b"\x00\xff")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "new") == ["a.txt"]


def test_an_exception_leaves_the_old_content_and_no_other_file(tmp_path):
    path = tmp_path / "a.txt"
    atomic_write(path, "old")
    with pytest.raises(RuntimeError, match="half-way"), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("half-way")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_exception_before_the_first_write_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="early"), atomic_path(tmp_path / "a.txt"):
        raise RuntimeError("early")
    assert names(tmp_path) == []


def test_readers_see_the_old_content_until_the_end(tmp_path):
    path = tmp_path / "a.parquet"
    atomic_write(path, "old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        # the same folder, so that the rename stays on one file system
        assert temporary.parent == path.parent and temporary.suffix == path.suffix
    assert path.read_text() == "new"


def test_a_failed_rename_cleans_up(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        atomic_write(tmp_path / "taken", "text")
    assert names(tmp_path) == ["taken"] and names(tmp_path / "taken") == []
