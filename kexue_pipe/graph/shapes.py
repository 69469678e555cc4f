"""The shape of what stands in yaml files, checked before anything reads it.

_target_: word                _uses_, _gives_, _files_: list of words
_needs_, _holds_: word -> reason          _allowed_: key of the same node -> rule
rule: list of options, `options of GROUP`, or an interval such as "(0, 1]" or "list of [1, inf)"
"""

import re
from typing import Any

from kexue_pipe.graph.errors import Refused

INTERVAL = re.compile(
    r"(list of )?[\[(] *-?(inf|[\d.]+(e-?\d+)?) *, *-?(inf|[\d.]+(e-?\d+)?) *[\])]"
)
OPTIONS = re.compile(r"options of [\w/]+( with \w+)?")
WORDS = ("_uses_", "_gives_", "_files_")
REASONS = ("_needs_", "_holds_")


def check_shape(path: str, node: Any) -> None:
    """Refuse a node whose metadata has not the shape that is read; look into it all."""
    for item in node if isinstance(node, list) else ():
        check_shape(path, item)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if not isinstance(key, str):
            raise Refused(f"{path}: the key {key!r} is no word; quote it in its yaml")
        if not _fits(key, value, node):
            raise Refused(f"{path}: its yaml has {key}: {value!r}, which must be {_need(key)}")
        if not key.startswith("_"):
            check_shape(f"{path}.{key}", value)


def _fits(key: str, value: Any, node: dict[Any, Any]) -> bool:
    if key == "_target_":
        return isinstance(value, str)
    if key in WORDS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if key in REASONS:
        return isinstance(value, dict) and all(
            isinstance(text, str) for item in value.items() for text in item
        )
    if key == "_allowed_":
        return isinstance(value, dict) and all(k in node and _rule(r) for k, r in value.items())
    return True


def _rule(rule: Any) -> bool:
    if isinstance(rule, dict):  # a rule with its reason
        ((rule, reason),) = rule.items() if len(rule) == 1 else [(None, None)]
        return isinstance(rule, str) and isinstance(reason, str) and _rule(rule)
    if isinstance(rule, str):
        return bool(OPTIONS.fullmatch(rule) or INTERVAL.fullmatch(rule))
    return isinstance(rule, list)


def _need(key: str) -> str:
    needs = dict.fromkeys(WORDS, "a list of words") | dict.fromkeys(REASONS, "reasons by word")
    needs["_allowed_"] = "interval or list of options, by key of the same node"
    return needs.get(key, "a word")
