"""A cache of compositions, keyed by the content of `conf/`: a no-op run composes nothing."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from kexue_pipe.core.files import atomic_write
from kexue_pipe.graph.options import CONF
from kexue_pipe.graph.sources import ROOT

PATH = Path("results/.cache/compositions.json")


@cache
def conf_digest() -> str:
    """Digest every yaml file, and the code that reads them."""
    digest = hashlib.sha256()
    for path in [*sorted(CONF.rglob("*.yaml")), *sorted((ROOT / "kexue_pipe/graph").glob("*.py"))]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Cache:
    """Answers by key; a file that is broken, or of another `conf/`, is an empty cache."""

    def __init__(self) -> None:
        try:
            stored = json.loads(PATH.read_text())
            self.entries = stored["entries"] if stored["conf"] == conf_digest() else {}
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
        """Write the cache if it grew."""
        if self.changed:
            atomic_write(PATH, json.dumps({"conf": conf_digest(), "entries": self.entries}))
            self.changed = False
