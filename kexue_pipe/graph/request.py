"""What a person asks for: Hydra override strings, taken apart into choices and values.

A choice picks an option of a group (`position=alibi`, `attention/mask=window`; the node form
`attention.mask=window` is recognised by its folder). A value changes one number of a chosen
component (`position.base=500`). A collection takes several options (`extension=[none,ntk]`).
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import COLLECTIONS, check_option, is_group

RUN_KEYS = ("claim", "device", "seeds", "dry_run", "report.language")


@dataclass(frozen=True)
class Request:
    """The choices (group -> option, or tuple of options) and values (dotted key -> value)."""

    choices: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def parse_override(text: str) -> Override:
    """Parse one override with Hydra's grammar."""
    try:
        return _parser().parse_override(text)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise Refused(f"{text!r} is no Hydra override ({reason}); write key=value") from error


def parse(texts: list[str]) -> Request:
    """Take override strings apart; the last one wins, as on any command line."""
    choices: dict[str, str | tuple[str, ...]] = {}
    values: dict[str, Any] = {}
    for text in texts:
        override = parse_override(text)
        key = override.key_or_group
        if override.is_delete() or override.is_add() or override.is_force_add():
            raise Refused(
                f"{text}: a variant changes keys that exist, it cannot add or remove any; "
                f"write {key}=... for an existing key, or make a new component"
            )
        if override.package is not None or key.split("/")[0].split(".")[0] == "hydra":
            raise Refused(f"{text}: packages and Hydra's own settings are no part of a variant")
        if override.is_sweep_override():
            raise Refused(f"{text}: this is a sweep of several variants; ask for it after -m")
        if key in RUN_KEYS:
            raise Refused(f"{text}: {key} says how to run and stands in no name; drop it")
        value = _plain(text, override.value())
        group = key.replace(".", "/")
        if is_group(group):
            choices[group] = _choice(text, group, value)
        else:
            values[key] = value
    return Request(choices, values)


def _choice(text: str, group: str, value: Any) -> str | tuple[str, ...]:
    if group in COLLECTIONS:
        names = value if isinstance(value, list) else [value]
        for name in names:
            check_option(text, group, name)
        return tuple(sorted(set(names)))
    check_option(text, group, value)
    return value


def _plain(text: str, value: Any) -> Any:
    """Turn Hydra's parsed value into plain Python: numbers, words, null, and lists of them."""
    if isinstance(value, list):
        return [_plain(text, item) for item in value]
    if isinstance(value, QuotedString):
        return value.text
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise Refused(f"{text}: a value is a number, a word, null, or a list of them")


def format_value(value: Any) -> str:
    """Write a value so that Hydra's parser reads the same value; 500.0 is written 500."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(format_value(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        return str(value)  # of a yaml: no override can write it
    if value and all(c.isalnum() and c.isascii() or c in "_-./" for c in value):
        try:
            if parse_override(f"key={value}").value() == value:
                return value
        except Refused:
            pass
    escaped = _escape(value)
    return f"'{escaped}'"


def _escape(text: str) -> str:
    """Escape for Hydra's single quotes: only backslashes before a quote, or at the end, count."""
    out, backslashes = [], 0
    for character in text + "'":
        if character == "'":
            out.append("\\" * (2 * backslashes) + "\\'")
            backslashes = 0
        elif character == "\\":
            backslashes += 1
        else:
            out.append("\\" * backslashes + character)
            backslashes = 0
    return "".join(out)[:-2]
