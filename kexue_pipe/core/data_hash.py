"""The hash of a person's data: of a file, or of the names and contents of all files in a folder.

    file: SHA-256;  folder: the first 24 digits of the SHA-256 of [[name, hash], ...] as JSON

A file is read again only when its size, its times or its place on the disk have changed. One that
changed in the last two seconds is not remembered: clocks of file systems can be that coarse.
"""

import json
import os
import time
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path

from kexue_pipe.core.files import atomic_write

KNOWN = Path("results/.cache/hashes.json")  # hash by path and state
COARSE = 2 * 10**9  # ns


def data_hash(path: str | Path) -> str:
    """Hash a file or a folder, and remember the hash of each file."""
    root = Path(path)
    known, new = _known(), dict[str, str]()
    if not root.is_dir():
        found = _file_hash(root, known, new)
    else:
        files = sorted(file for file in root.rglob("*") if file.is_file())
        parts = [[str(f.relative_to(root)), _file_hash(f, known, new)] for f in files]
        found = sha256(json.dumps(parts).encode()).hexdigest()[:24]
    if new:
        with suppress(OSError):  # what can't be remembered is read again
            atomic_write(KNOWN, json.dumps(known | new))
    return found


def _known() -> dict[str, str]:
    try:
        return dict(json.loads(KNOWN.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _file_hash(path: Path, known: dict[str, str], new: dict[str, str]) -> str:
    """Hash a file that is not known as it is now, and add it to the new ones."""
    state, now = os.stat(path), time.time_ns()
    stamp = (state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)
    key = f"{path.absolute()} {stamp}"
    if key in known:
        return known[key]
    with open(path, "rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if now - state.st_ctime_ns > COARSE:
        new[key] = found
    return found
