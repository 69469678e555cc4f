"""Atomic files: a reader sees the old content or the new one, never a part, also after a crash."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Say in one sentence which file can't be written, why, and what to do about it."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{path} can't be written: {error.strerror or error}; make room for it or mend its "
            f"permissions, and start again"
        ) from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it there."""
    path = Path(path)
    temporary = path.with_name(f".tmp-{os.getpid()}{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        with writing(path):
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with writing(path):
            temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def atomic_write(path: str | Path, content: str | bytes) -> None:
    """Write text or bytes atomically."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as temporary, writing(path):
        temporary.write_bytes(data)


def drop_leftovers(folder: str | Path) -> None:
    """Delete the temporary files below a folder whose writers were killed."""
    for path in Path(folder).rglob(".tmp-*"):
        try:
            os.kill(int(path.stem.removeprefix(".tmp-")), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (PermissionError, ValueError):
            pass  # another user's process; no temporary file of this package
