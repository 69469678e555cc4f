"""Figures as files: each chart of the page as an SVG, drawn without a browser."""

import json
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from kexue_pipe.core.files import atomic_write

VERSION = ".".join(alt.SCHEMA_VERSION[1:].split(".")[:2])  # of Vega-Lite, as the page embeds
MARK = "<!-- kexue_pipe figure -->\n"


def write_figures(specs: dict[str, dict[str, Any]], folder: str | Path) -> list[Path]:
    """Write `name`.svg for each specification; remove figures of this function that are not named.

    What has the bytes that it would get is not written again, so that its time stays.
    """
    folder = Path(folder)
    paths = {folder / f"{name}.svg": spec for name, spec in sorted(specs.items())}
    for path, spec in paths.items():
        drawn = MARK + _described(
            vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VERSION),
            spec.get("description", ""),
        )
        if not path.is_file() or path.read_bytes() != drawn.encode():
            atomic_write(path, drawn)
    for path in folder.glob("*.svg"):
        if path not in paths and _is_ours(path):
            path.unlink()
    return list(paths)


def _described(svg: str, text: str) -> str:
    """Put the description where screen readers look for it; Vega leaves it out of files."""
    head, end, rest = svg.partition(">")
    return f"{head}{end}<desc>{escape(text)}</desc>{rest}"


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()
