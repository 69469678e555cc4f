"""What was read of a person's own data, kept on disk: `results/store/data-{hash of the data}/`.

`content.bin` is mapped and never read whole. `index.npz` says what is where in it; written last, it
vouches for the content by its SHA-256, and for itself by that of the code that read the data. What
is damaged, or was read by other code, is made again; one process makes it and others wait.
"""

import fcntl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from kexue_pipe.core.data_hash import data_hash
from kexue_pipe.core.files import atomic_path

STORE = Path("results/store")
Index = dict[str, np.ndarray]


def kept_folder(digest: str) -> Path:
    """Give the folder of what was read of data with a hash."""
    return STORE / f"data-{digest[:24]}"


def kept(data: str, write: Callable[[str, Path], Index], reader: str) -> tuple[Path, Index]:
    """Give the content that `write` makes of the data, and its index.

    `write` fills the file that it is given and returns the index; `reader` is its source file.
    """
    digest = data_hash(data)
    folder, code = kept_folder(digest), sha256(Path(reader).read_bytes()).hexdigest()
    content = folder / "content.bin"
    index = _index(folder, code)
    if index is None:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            index = _index(folder, code)  # another process may have made it meanwhile
            if index is None:
                for left in folder.glob(".tmp-*"):  # by a process that was killed
                    left.unlink()
                with atomic_path(content) as temporary:
                    index = write(data, temporary)
                if data_hash(data) != digest:
                    raise ValueError(f"task.path={data} was edited while it was read; start again")
                vouched = index | {"sha256": np.array(data_hash(content)), "code": np.array(code)}
                with atomic_path(folder / "index.npz") as temporary:
                    np.savez(temporary, allow_pickle=False, **vouched)
    return content, index


def _index(folder: Path, code: str) -> Index | None:
    """Read the index; None where there is none that vouches for the content."""
    try:
        with open(folder / "index.npz", "rb") as file:
            index = dict(np.load(file))
        content = data_hash(folder / "content.bin")
        whole = (str(index["sha256"]), str(index["code"])) == (content, code)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return index if whole else None
