"""The groups of `conf/` and their options: the folder listing is the only index."""

import difflib
import re
from functools import cache
from typing import Any

import yaml

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.sources import ROOT

CONF = ROOT / "conf"
COLLECTIONS = ("extension", "metric", "chart")  # groups whose default is every option
# groups that evaluation reads, and training not
TEST_TIME = ("extension", "decode", "backend", "metric")
MANY = 100  # words, more than any group has: they are not listed
GROUP_DOC = re.compile(r"^  - (\w+): .*# (.*)$", re.M)  # a line of the defaults in config.yaml


@cache
def is_group(group: str) -> bool:
    """Tell whether a path like `attention/mask` is a group of options that a variant chooses."""
    plain = all(part.isidentifier() for part in group.split("/"))
    return plain and group not in ("suite", "claim") and (CONF / group).is_dir()


@cache
def options(group: str) -> tuple[str, ...]:
    """List the options of a group."""
    return tuple(sorted(path.stem for path in (CONF / group).glob("*.yaml")))


@cache
def _node(group: str, option: str) -> Any:
    """Read the yaml of an option."""
    path = CONF / group / f"{option}.yaml"
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


@cache
def options_with(group: str, key: str) -> tuple[str, ...]:
    """List the options of a group whose yaml says something under a metadata key."""
    nodes = {name: _node(group, name) for name in options(group)}
    return tuple(name for name, node in nodes.items() if node.get(key))


@cache
def subgroups(group: str) -> tuple[str, ...]:
    """List the groups inside a group, such as `attention/mask`."""
    return tuple(sorted(f"{group}/{p.name}" for p in (CONF / group).iterdir() if p.is_dir()))


@cache
def parts(group: str, option: str) -> dict[str, str]:
    """Give the choices that an option makes in the groups inside its group, without composing."""
    node = _node(group, option)
    found: dict[str, str] = {}
    for entry in node.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":  # the preset that it starts from
            found |= parts(group, entry)
        elif isinstance(entry, dict):
            own = {f"{group}/{key.removeprefix('override ')}": o for key, o in entry.items()}
            found |= {sub: o for sub, o in own.items() if sub in subgroups(group)}
    return found


@cache
def is_derived(group: str, option: str) -> bool:
    """Tell whether an option is a preset that starts from another one."""
    node = _node(group, option)
    return any(isinstance(e, str) and e != "_self_" for e in node.get("defaults", []))


def sentence(group: str, option: str) -> str:
    """Give the one sentence that says what an option is: the first comment of its yaml."""
    with open(CONF / group / f"{option}.yaml", encoding="utf-8") as file:
        lines = [line.removeprefix("# ").strip() for line in (next(file, ""), next(file, ""))]
    return lines[1] if lines[0].startswith("@package") else lines[0]


def suggest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Say which known word was meant, and list them all unless they are too many to read."""
    close = difflib.get_close_matches(str(word), known, n=1)
    if len(known) > MANY:
        return f"did you mean {close[0]}?" if close else f"none of {len(known)} is like it"
    listing = ", ".join(known)
    return f"did you mean {close[0]}? Known: {listing}" if close else f"known: {listing}"


def check_option(text: str, group: str, option: Any) -> None:
    """Refuse an option that the group does not have."""
    known = options(group)
    if option not in known:
        raise Refused(f"{text}: {group} has no option {option}; {suggest(option, known)}")
