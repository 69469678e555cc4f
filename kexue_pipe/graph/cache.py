"""A cache of answers in a file: a no-op run composes no variant and parses no source."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kexue_pipe.core.files import atomic_write


class Cache:
    """Answers by key; a file that is broken, or made from something else, is an empty cache."""

    def __init__(self, path: str | Path, made_from: str) -> None:
        self.path, self.made_from = Path(path), made_from
        try:
            stored = json.loads(self.path.read_text())
            self.entries = stored["entries"] if stored["from"] == made_from else {}
        except (OSError, ValueError, KeyError, TypeError):
            self.entries = {}
        self.changed = False

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        """Give the stored answer, or compute and keep it."""
        if key not in self.entries:
            self.entries[key] = compute()
            self.changed = True
        return self.entries[key]

    def save(self) -> None:
        """Write the cache if it grew; where it can't be written, answers are computed again."""
        if self.changed:
            kept = {"from": self.made_from, "entries": self.entries}
            with suppress(OSError):
                atomic_write(self.path, json.dumps(kept))
            self.changed = False
