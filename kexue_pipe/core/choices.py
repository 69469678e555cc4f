"""Which options a variant consists of, read from the yaml files without composing them.

The defaults of `conf/config.yaml`, then what its task and position choose for others, then the
words of its name, then the parts of nested groups, such as the scale of an attention.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kexue_pipe.core.spelling import split_name

CONF = Path(__file__).parents[2] / "conf"


def chosen(name: str) -> dict[str, str]:
    """Give the option of each group that a variant has, nested groups with a dot."""
    words = dict(part.split("=", 1) for part in split_name(name) if "=" in part)
    options = {g: o for g, o in _defaults("config").items() if isinstance(o, str)}
    for group in ("task", "position"):
        options[group] = words.get(group, options[group])
        for key, option in _defaults(f"{group}/{options[group]}").items():
            if key.startswith("override /"):
                options[key.removeprefix("override /").split("@")[0]] = option
    options |= {group: words[group] for group in options if group in words}
    used = {"task", "model", "optimizer", *_yaml(f"model/{options['model']}").get("_uses_", [])}
    options = {group: option for group, option in options.items() if group in used}
    for group, option in [*options.items()]:
        options |= _parts(group, option)
    return options | {group: word for group, word in words.items() if _file(group, word)}


def _parts(group: str, option: str) -> dict[str, str]:
    """Give the choices of a nested preset: those of the preset that it builds on, and its own."""
    found: dict[str, str] = {}
    for key, value in _defaults(f"{group}/{option}").items():
        if value is None:
            found |= _parts(group, key)
        elif "/" not in key:
            found[f"{group}.{key.removeprefix('override ')}"] = value
    return found


def _defaults(file: str) -> dict[str, Any]:
    """Give the defaults list of a yaml; an entry without a group has no value."""
    found: dict[str, Any] = {}
    for entry in _yaml(file).get("defaults", []):
        found |= entry if isinstance(entry, dict) else {entry: None}
    found.pop("_self_", None)
    return found


@cache
def _yaml(file: str) -> dict[str, Any]:
    path = CONF / f"{file}.yaml"
    if not path.is_file():
        return {}
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def _file(group: str, option: str) -> bool:
    return CONF.joinpath(*group.split("."), f"{option}.yaml").is_file()
